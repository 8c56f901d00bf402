"""fasttext-predict: `CHARS LABELS`, how many characters of a text it gets (0: all), how many labels are asked for (-1: all); see
language_loop."""

import sys

import fasttext
from language_loop import main


def start(model):
    library = fasttext.load_model(model)
    chars, count = int(sys.argv[1]), int(sys.argv[2])

    def identify(text):
        labels, scores = library.predict((text[:chars] if chars else text).replace("\n", " "), k=count)
        return (labels[0].removeprefix("__label__"), scores[0]) if labels else ("und", 0.0)

    return identify


if __name__ == "__main__":
    main(start)
