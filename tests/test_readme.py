"""What the README shows runs, and prints what it says; the CI script finds its two commands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)
PYTHON = [text for language, text in BLOCKS if language == "python"]


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_a_block_of_the_readme_runs(number, capsys):
    exec(compile(PYTHON[number], f"README block {number}", "exec"), {"__name__": "__readme__"})
    printed = capsys.readouterr().out
    shown = [text for language, text in BLOCKS if language == "text"]
    assert not printed or any(printed.startswith(text) for text in shown)


def test_the_two_commands_stand_on_the_first_screen_as_the_ci_reads_them():
    first_screen = README.splitlines()[:25]
    commands = [
        line for line in first_screen if re.match(r"python3 -m venv .*(pytest|lessons)", line)
    ]
    assert len(commands) == 2 and commands[1].endswith("pytest")


def test_every_file_that_the_readme_names_is_there():
    for name in re.findall(r"\]\(([\w/.]+)\)|`((?:lessons|benchmarks|minigrad)/[\w/.]*)`", README):
        assert (ROOT / (name[0] or name[1])).exists(), name
