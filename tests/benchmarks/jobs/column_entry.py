"""One column as a list: what is measured is reading, dispatch and writing."""


def init():
    pass


def run(mini_batch):
    return mini_batch["value"].tolist()
