"""What was handed in: the source of one exercise, from a file, a notebook, a folder or an archive.

Nothing of it is unpacked or copied, no link is followed, and no more is read than a source can be.
"""

import ast
import difflib
import hashlib
import json
import os
import re
import stat
import textwrap
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from minigrad.exercises.outcomes import plain

LARGEST = 1_000_000  # bytes of a source
ARCHIVE = 50_000_000  # bytes of a .zip
DEPTH = 20  # folders within one another
# So begins what a stub has in place of an answer.
UNWRITTEN = 'raise NotImplementedError("exercise '
FILES = 10_000  # names of one submission that are looked at


class Unreadable(ValueError):
    """A file that cannot be taken for a source; the message says why."""


class Absent(Unreadable):
    """A file that is not there, nor one that may be meant."""


class FolderError(ValueError):
    """A folder of which it is not clear what was handed in."""


def read_source(path: Path) -> str:
    """The source in a script or a notebook; Unreadable, if there is none.

    Of a notebook count functions, classes, imports and assignments; what else is in it, and an
    assignment that fails, is trying it out.
    """
    return _source(path.name, _bytes(path))


class HandedIn:
    """One submission, a folder or a .zip: `name`, and `source(file)` of an exercise's file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = plain(path.stem if _is_archive(path) else path.resolve().name)
        self.problem, self.files = "", dict[str, Callable[[], bytes]]()
        try:
            self.files = _archived(path) if _is_archive(path) else _listed(path)
        except Unreadable as error:
            self.problem = str(error)

    def source(self, file: str) -> str:
        """The source of exercise `file` (02_name.py, or the same as .ipynb), wherever it lies."""
        if self.problem:
            raise Unreadable(self.problem)
        notebook = Path(file).with_suffix(".ipynb").name
        found = [name for name in self.files if PurePosixPath(name).name in (file, notebook)]
        if not found:
            near = self._near(file)
            if not near:
                raise Absent(f"{file} was not handed in")
            raise Unreadable(f"{file} was not handed in; is it {near!r}? then rename it")
        sources = [_source(name, self.files[name]()) for name in found]
        if len(found) == 2:  # a script and a notebook, of which one was never begun
            sources = [source for source in sources if UNWRITTEN not in source] or sources
        if len(sources) > 1:
            places = plain(", ".join(sorted(found)))
            raise Unreadable(f"{file} was handed in {len(found)} times: {places}")
        return sources[0]

    def is_at(self, folder: Path) -> bool:
        """Whether this is the folder itself, and not one of several in it."""
        return self.path == folder

    def digest(self, files: Sequence[str]) -> str:
        """A hash of what was handed in for these exercises: the same, and the grade is."""
        total = hashlib.sha256()
        for file in files:
            try:
                total.update(self.source(file).encode())
            except Unreadable as error:
                total.update(str(error).encode())
            total.update(b"\0")
        return total.hexdigest()

    def _near(self, file: str) -> str:
        """A name that may be meant: of the same number, or much alike."""
        names = [PurePosixPath(name).name for name in self.files]
        names = [name for name in names if name.endswith((".py", ".ipynb"))]
        same = [name for name in names if re.match(rf"0?{int(file[:2])}\D", name)]
        return next(iter(same or difflib.get_close_matches(file, names, 1, 0.7)), "")


def handed_in(folder: Path, one: bool = False) -> list[HandedIn]:
    """The submissions in a folder: its folders and archives; or itself, if `one`, or if files of
    exercises lie in it and nothing else does. FolderError if that is not clear.
    """
    if not folder.is_dir():
        raise FolderError(f"there is no folder {folder}")
    if one:
        return [HandedIn(folder)]
    paths = _inside(folder)
    found = [path for path in paths if _is_submission(path)]
    exercises = [path for path in paths if re.match(r"\d\d_\w+\.(py|ipynb)$", path.name)]
    if found and exercises:
        raise FolderError(
            f"{exercises[0].name} lies beside folders or archives in {folder}: is that one "
            "submission? then say --one; else move the file into a folder"
        )
    if not found:
        return [HandedIn(folder)]
    handed = [HandedIn(path) for path in found]
    names = [each.name for each in handed]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise FolderError(f"{folder} holds two submissions of the name {min(twice)}")
    return handed


def ignored(folder: Path) -> list[str]:
    """What lies among the submissions of a class and is none: loose files, other archives."""
    paths = _inside(folder)
    found = any(map(_is_submission, paths))
    return [plain(path.name) for path in paths if found and not _is_submission(path)]


# --- underneath -----------------------------------------------------------------------------------


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_submission(path: Path) -> bool:
    return path.is_dir() or _is_archive(path)


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and not path.is_dir()


def _listed(folder: Path) -> dict[str, Callable[[], bytes]]:
    if folder.is_symlink():
        raise Unreadable(f"{folder.name} is a link, not a folder")
    files: dict[str, Callable[[], bytes]] = {}

    def fail(error: OSError) -> None:
        raise Unreadable(f"{folder.name} cannot be read: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=fail, followlinks=False):
        deep = len(Path(place).parts) - len(folder.parts) >= DEPTH
        folders[:] = sorted(n for n in folders if not deep and not n.startswith((".", "__")))
        for name in sorted(names):
            path = Path(place, name)
            files[path.relative_to(folder).as_posix()] = lambda path=path: _bytes(path)  # type: ignore[misc]
            if len(files) > FILES:
                raise Unreadable(f"more than {FILES} files were handed in")
    return files


def _archived(path: Path) -> dict[str, Callable[[], bytes]]:
    """The files of an archive, each read alone and only as far as a source may reach."""

    def reader(name: str) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                with zipfile.ZipFile(path) as archive:
                    entry = archive.getinfo(name)
                    if stat.S_ISLNK(entry.external_attr >> 16):
                        raise OSError("it is a link")
                    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        # of the others, a piece of any size is unpacked at once
                        raise OSError("it is not packed as a .zip usually is")
                    with archive.open(entry) as file:
                        return file.read(LARGEST + 1)
            except Exception as error:  # a damaged one raises many kinds
                why = plain(str(error))
                raise Unreadable(f"{name!r} cannot be read out of the archive: {why}") from None

        return read

    try:
        if path.is_symlink():
            raise Unreadable(f"{path.name} is a link, not a file")
        if path.stat().st_size > ARCHIVE:
            raise Unreadable(f"{path.name} is larger than {ARCHIVE // 1_000_000} MB")
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"the archive cannot be read: {plain(str(error))}") from None
    if len(names) > FILES:
        raise Unreadable(f"more than {FILES} files were handed in")
    return {name: reader(name) for name in names if not _beside(PurePosixPath(name))}


def _beside(path: PurePosixPath) -> bool:
    """Whether a file lies where systems and editors keep theirs (or, by `..`, outside)."""
    return any(part.startswith((".", "__")) for part in path.parts[:-1])


def _bytes(path: Path) -> bytes:
    try:
        if stat.S_ISREG(os.lstat(path).st_mode):
            with open(path, "rb") as file:
                return file.read(LARGEST + 1)
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise Unreadable(f"{path.name}: {reason}") from None
    kind = "a folder" if path.is_dir() and not path.is_symlink() else "a link or a device"
    raise Unreadable(f"{path.name} is {kind}, not a file")


def _source(name: str, content: bytes) -> str:
    file = PurePosixPath(name).name
    if len(content) > LARGEST:
        raise Unreadable(f"{file} is larger than {LARGEST // 1000} kB: no exercise needs that")
    if not content.strip():
        raise Unreadable(f"{file} is empty")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(f"{file} is not text in UTF-8 (line {line}): save it as UTF-8") from None
    if "\0" in text:
        raise Unreadable(f"{file} is not text: it has a null character in it")
    notebook = file.endswith(".ipynb") or (text.lstrip().startswith("{") and '"cells"' in text)
    return _of_notebook(file, text) if notebook else text


def _of_notebook(file: str, text: str) -> str:
    """What of a notebook belongs to an answer; the rest is trying it out, and may fail."""
    try:
        cells = json.loads(text)["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unreadable(f"{file} is not a notebook that can be read") from None
    statements: list[tuple[ast.stmt | None, str]] = []
    for cell in code:
        lines = [line for line in cell.splitlines() if not line.startswith(("%", "!", "?"))]
        try:
            tree = ast.parse("\n".join(lines))
        except (SyntaxError, RecursionError, MemoryError):
            if any(line.startswith(("def ", "class ", "@")) for line in lines):
                statements.append((None, "\n".join(lines)))  # as it is: the error says where
            continue
        for node in tree.body:
            statements.append((node, "\n".join(lines[_first(node) - 1 : node.end_lineno])))
    answers = [node for node, _ in statements if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    used = {each.id for node in answers for each in ast.walk(node) if isinstance(each, ast.Name)}
    kept = [part for node, text in statements if (part := _kept(node, text, used))]
    if not kept:
        raise Unreadable(f"{file} is a notebook without a function in it")
    return "\n\n".join(kept) + "\n"


def _first(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min(node.lineno, *(int(each.lineno) for each in decorators), node.lineno)


def _kept(node: ast.stmt | None, text: str, used: set[str]) -> str:
    """What stays of a statement: definitions; imports and values, as far as they are there."""
    if node is None or isinstance(node, ast.FunctionDef | ast.ClassDef):
        return text
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        if names & used:  # if it is not there, that is what is to be told
            return text
    elif not isinstance(node, ast.Assign | ast.AnnAssign):
        return ""
    return f"try:\n{textwrap.indent(text, '    ')}\nexcept Exception:\n    pass"
