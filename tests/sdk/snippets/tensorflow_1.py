"""As much of TensorFlow 1 as the page's script calls. Its graph is one matrix, in a file."""

import numpy


def reset_default_graph():
    pass


class _Saver:
    def restore(self, session, path):
        session.weights = numpy.load(path + ".npy")


class train:
    @staticmethod
    def import_meta_graph(path):
        with open(path) as file:
            assert file.read() == "meta"
        return _Saver()


class _Tensor:
    def __init__(self, name):
        self.name = name

    def eval(self, feed_dict, session):
        (pixels,) = (value for key, value in feed_dict.items() if key.name == "network/X:0")
        return pixels / 255 @ session.weights


class _Graph:
    def get_tensor_by_name(self, name):
        return _Tensor(name)


class Session:
    graph = _Graph()
