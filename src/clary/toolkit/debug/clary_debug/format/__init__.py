"""smdebug's files, byte for byte: what its readers read and its hooks write.

    records.py   TFRecord framing: a length, its masked CRC32C, the payload, a checksum
    messages.py  protocol buffers by hand: fields of a message, to bytes and back
    tensors.py   TensorProto: an array, to bytes and back
    events.py    Event: a tensor with its name, mode and steps, to bytes and back
    places.py    where files lie in a trial's folder, and how they get there whole
    writer.py    the files of one step

Standard library and NumPy, Python 3.6 on. This package is a part of the toolkit, which jobs see, and by a link
of `clary.debugger` too, which reads. Format: smdebug 1.0.34, run beside it in November 2026.
"""
