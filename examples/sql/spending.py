"""Which part of all that its customer has spent each order is: all orders of a customer are in one mini-batch, since that
is a range of customers."""


def init():
    pass


def run(mini_batch):
    spent = mini_batch.groupby("customer")["amount"].transform("sum")
    share = (mini_batch["amount"] / spent).round(6)
    return mini_batch[["id", "customer", "day"]].assign(share=share)
