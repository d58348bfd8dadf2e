"""Ten short strings for ten files: what is measured is everything but this."""


def init():
    pass


def run(mini_batch):
    return [path[path.rfind("/", 0, path.rfind("/")) + 1 :] for path in mini_batch]
