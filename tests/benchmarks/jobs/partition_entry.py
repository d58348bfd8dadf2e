"""One figure for each store and brand: it measures grouping, reading and dispatch."""


def init():
    pass


def run(mini_batch, context):
    keys = context.partition_key_value
    total = round(float(mini_batch["quantity"].sum()), 2)
    # A row for each row: fewer would count as failed items.
    return ["%s %s %s" % (keys["store"], keys["brand"], total)] * len(mini_batch)
