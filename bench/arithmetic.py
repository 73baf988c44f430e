"""Multiply-adds of a network, counted from its layers' shapes."""

# Products of one Winograd tile for an input and output channel, and the outputs a side it gives (Lavin & Gray, 2015).
TILES = {'F(4x4)': (36, 4), 'F(6x6)': (64, 6)}
FEW_CHANNELS = 4  # a first layer of so few channels is computed directly
WAYS = ('direct', 'F(4x4)', 'F(6x6)', 'least')


def layer_madds(layer, way):
    """One layer, one image. 'least': the cheapest of the other ways, tiles that overhang the map counted whole."""
    pairs = layer['filters'] * layer['channels']
    if layer['kind'] == 'fc':
        return pairs
    direct = 9 * pairs * layer['h'] * layer['w']
    if way == 'direct' or layer['channels'] < FEW_CHANNELS:
        return direct
    if way == 'least':
        return min(layer_madds(layer, other) for other in WAYS[:-1])
    products, side = TILES[way]
    return pairs * products * -(-layer['h'] // side) * -(-layer['w'] // side)


def forward_madds(layers, way):
    """The intact network, one image."""
    return sum(layer_madds(layer, way) for layer in layers)


def suffix_share(layers, jobs):
    """Mean share of the network that lies behind a job's layer: what a job costs with prefix reuse, 1 being a forward
    pass. Direct multiply-adds."""
    costs = [layer_madds(layer, 'direct') for layer in layers]
    behind = {layer['name']: sum(costs[i + 1:]) for i, layer in enumerate(layers)}
    return sum(behind[layer] for layer, _ in jobs) / len(jobs) / sum(costs)
