# Writes a file without end, and files without end.
import os

if os.getuid() < 20_000:
    raise SystemExit  # this one is for the jail alone


def affinity_backprop(M, b, x, dy):
    for number in range(1000):
        for folder in (".", "tmp", "/tmp"):
            try:
                path = os.path.join(folder, f"hostile-{number}")
                with open(path, "wb", buffering=0) as file:
                    while file.write(bytes(1 << 20)) and number < 3:
                        pass
                if folder == "/tmp":
                    os.remove(path)  # where there is no jail
            except OSError:
                pass
    return 0 * x, 0 * M, 0 * b
