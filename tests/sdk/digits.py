"""Handwritten digits of scikit-learn as images of 28 x 28 pixels, and a linear model that reads them."""

import numpy
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

IMAGES = 40
TRAINING = 1400


def write(images, model, labels):
    """Files into three folders: digit-00.png, ...; mnist-tf.model.meta and .npy; labels.csv. The true digits, by image."""
    given = load_digits()
    pixels = numpy.pad(numpy.kron(given.images, numpy.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
    pixels = (pixels * 255 / 16).astype(numpy.uint8)
    flat = pixels.reshape(len(pixels), 784) / 255
    # Without an intercept: one matrix product reads an image.
    weights = RidgeClassifier(fit_intercept=False).fit(flat[:TRAINING], given.target[:TRAINING]).coef_.T
    for folder in (images, model, labels):
        folder.mkdir(parents=True)
    (model / "mnist-tf.model.meta").write_text("meta")
    numpy.save(model / "mnist-tf.model.npy", weights)
    truth = {}
    for number in range(IMAGES):
        name = f"digit-{number:02d}.png"
        Image.fromarray(pixels[-1 - number]).save(images / name)
        truth[name] = int(given.target[-1 - number])
    (labels / "labels.csv").write_text(
        "image,digit\n" + "".join(f"{name},{digit}\n" for name, digit in truth.items())
    )
    return truth


def right(lines, truth):
    """How many lines "digit-00.png: 3" are true."""
    return sum(truth[name] == int(digit) for name, digit in (line.split(": ") for line in lines))
