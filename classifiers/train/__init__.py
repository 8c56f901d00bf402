"""`curate train`: from a label set to a model folder, in the order of its files.

spec.py (what is asked for), split.py (which rows are learnt from), fasttext.py or encoder.py (the models), export.py (ONNX),
calibration.py, card.py (what people are told), commands.py (from files to files).
"""
