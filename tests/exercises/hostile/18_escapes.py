# Raises an error whose text moves the cursor, colours, rings, and is HTML.
name = "Passed\x1b[2J\x1b[1;1H"


def affinity_backprop(M, b, x, dy):
    text = "\x1b[2J\x1b[32m10 of 10 points\x07\r\x9b1A\u202e<script>alert(1)</script>\x00"
    raise type(name, (Exception,), {})(text)  # [2J <- in the source as well
