"""Whether what a lesson claims holds for other seeds: runs it with every seed in it shifted.

    python benchmarks/seeds.py lessons/01_layers.py [--count 20]

Each `rng=3`, `default_rng(3)` and `randomize(3)` becomes 3 + 1000 k. A claim that fails is an
assertion that fails; the tables at the end of each run show how far the figures move.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", type=Path)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    source, failed = options.lesson.read_text(encoding="utf-8"), 0
    for k in range(options.count):
        shifted = re.sub(
            r"\b(rng=|default_rng\(|randomize\()(\d+)",
            lambda found, k=k: found[1] + str(int(found[2]) + 1000 * k),
            source,
        )
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, options.lesson.name)
            script.write_text(shifted, encoding="utf-8")
            ran = subprocess.run([sys.executable, script], capture_output=True, text=True)
        failed += ran.returncode != 0
        print(f"seeds + {1000 * k}: {'held' if not ran.returncode else ran.stderr[-500:]}")
        print(ran.stdout.rpartition("verdict\n")[2])
    print(f"{options.count - failed} of {options.count} held")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
