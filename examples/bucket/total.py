"""What each sale was worth."""


def init():
    pass


def run(mini_batch):
    return mini_batch.assign(total=mini_batch["amount"] * mini_batch["price"])[["day", "item", "total"]]
