"""The name of each file: no file is opened."""


def init():
    pass


def run(mini_batch):
    return [path.rpartition("/")[2] for path in mini_batch]
