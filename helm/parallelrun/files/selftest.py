"""Entry script of `helm test`: says of each file how many words it has."""


def init():
    print("init")


def run(mini_batch):
    rows = []
    for path in mini_batch:
        with open(path, encoding="utf-8") as file:
            rows.append("%s %d" % (path.rsplit("/", 1)[1], len(file.read().split())))
    return rows
