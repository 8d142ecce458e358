"""The seam to the array libraries, and the shape of the house: floors, budgets, imports."""

import ast
import hashlib
import importlib
import io
import os
import subprocess
import sys
import tokenize
from pathlib import Path

import cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad import Affinity, Dropout, Map, Network, backend
from minigrad.errors import BackendError

PACKAGE = Path(minigrad.__file__).parent
SOURCES = {path.relative_to(PACKAGE): path.read_text() for path in PACKAGE.rglob("*.py")}
STRICT = backend.place("array-api-strict")
quick = settings(max_examples=40, deadline=None)


def fresh(code, **environment):
    """What a fresh process prints that runs `code`."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- which backends are tested --------------------------------------------------------------------


def test_what_ci_requires_is_tested_and_what_is_missing_is_an_error():
    everything, nothing = (lambda name: name), (lambda name: None)
    always = ["numpy", "array-api-strict"]
    assert cases.backends_to_test("", nothing) == always
    assert cases.backends_to_test("", everything) == [*always, "torch", "cupy"]
    assert cases.backends_to_test("torch,cupy", everything) == [*always, "torch", "cupy"]
    with pytest.raises(ValueError, match=r"asks for \['torch', 'cupy'\]"):
        cases.backends_to_test("torch, cupy", nothing)
    with pytest.raises(ValueError, match="torhc"):
        cases.backends_to_test("torhc", everything)


@pytest.mark.gpu
@pytest.mark.skipif(cases.cupy_complaint() is not None, reason=str(cases.cupy_complaint()))
def test_a_network_learns_on_a_gpu():
    net = cases.two_layers().to("cupy")
    history = net.fit(np.ones((8, 4)).tolist(), np.zeros((8, 2)).tolist(), rng=1)
    assert history.loss[-1] < history.loss[0]


# --- places ---------------------------------------------------------------------------------------


def test_new_arrays_are_born_where_use_says_and_old_ones_stay():
    old = Affinity(3, 2)
    minigrad.use("array-api-strict")
    assert Affinity(3, 2).place == STRICT
    assert backend.place_of(backend.asarray([1.0])) == STRICT
    assert backend.place_of(old([1, 2, 3])).name == "numpy"
    minigrad.use("array-api-strict:device2")
    assert Affinity(3, 2).place.spec == "array-api-strict:device2"
    minigrad.use("numpy")
    assert Affinity(3, 2).place == old.place


def test_the_environment_says_where_new_arrays_are_born():
    code = "import minigrad; print(minigrad.Affinity(3, 2).place)"
    printed = fresh(code, MINIGRAD_BACKEND="array-api-strict")
    assert printed.startswith("array-api-strict on ")
    assert "device1" in printed
    code = "import minigrad\ntry: minigrad.Affinity(3, 2)\nexcept TypeError as e: print(e)"
    assert "unknown backend 'abacus': expected one of" in fresh(code, MINIGRAD_BACKEND="abacus")


def test_use_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("MINIGRAD_BACKEND", "array-api-strict")
    assert Affinity(3, 2).place == STRICT
    minigrad.use("numpy")
    assert Affinity(3, 2).place.name == "numpy"


@pytest.mark.parametrize("name", ["jax", "Numpy", "", " numpy"])
def test_an_unknown_backend_lists_those_known_and_changes_nothing(name):
    minigrad.use("array-api-strict")
    with pytest.raises(BackendError, match=f"unknown backend '{name}': expected one of numpy, "):
        minigrad.use(name)
    assert Affinity(3, 2).place == STRICT


@pytest.mark.parametrize("dtype", ["float16", "int64", "double", None])
def test_a_float_type_other_than_two_is_refused(dtype):
    with pytest.raises(ValueError, match="float64 or float32"):
        minigrad.use("array-api-strict", dtype=dtype)
    assert Affinity(3, 2).place.name == "numpy"


@pytest.mark.parametrize("name", ["cupy", "torch", "array-api-strict"])
def test_a_backend_that_is_not_installed_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, backend.LIBRARIES[name].module, None)
    with pytest.raises(BackendError, match=f"{name}' is not installed: install ") as caught:
        minigrad.use(name)
    assert backend.LIBRARIES[name].install in str(caught.value)


@pytest.mark.parametrize("where", ["array-api-strict:moon", "numpy:cuda"])
def test_a_device_that_is_not_there_is_named(where):
    name, _, device = where.partition(":")
    with pytest.raises(BackendError, match=f"the backend '{name}' has no device {device} here"):
        backend.place(where)


def test_torch_without_its_device_says_so():
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(BackendError, match="'torch' has no device cuda here"):
        Affinity(3, 2).to("torch:cuda")


@pytest.mark.skipif(cases.is_installed("cupy") is None, reason="cupy is not installed")
@pytest.mark.skipif(cases.cupy_complaint() is None, reason="there is a CUDA device here")
def test_cupy_without_a_device_says_so():
    with pytest.raises(BackendError, match="'cupy' has no device to work on here"):
        minigrad.use("cupy")
    assert Affinity(3, 2).place.name == "numpy"


def test_a_place_is_found_again_by_its_spec(place):
    assert backend.place(place.spec) == place


def test_a_mixture_names_both():
    here, there = np.ones(3), backend.move(np.ones(3), STRICT)
    assert backend.namespace(here, here) is backend.place_of(here).xp
    with pytest.raises(BackendError, match=r"numpy and of array-api-strict on .*device1.*\.to\("):
        backend.namespace(here, here, there)


@pytest.mark.parametrize("value", [[1.0], 1.0, "text", None])
def test_what_is_no_array_has_no_place(value):
    with pytest.raises(BackendError, match="is no array of numpy, cupy, torch"):
        backend.place_of(value)
    assert not backend.is_array(value)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)], ids=str)
def test_there_and_back_keeps_values_and_type(place, dtype, shape):
    values = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    there = backend.move(values, place)
    assert backend.is_array(there)
    assert backend.place_of(there) == place
    assert backend.dtype_name(there) == dtype
    back = backend.host(there)
    assert isinstance(back, np.ndarray)
    assert back.dtype == values.dtype
    assert np.array_equal(back, values)


def test_move_and_copy_make_copies(place):
    values = np.arange(3.0)
    there = backend.move(values, place)
    twin = backend.copy(there)
    there[...] = 7
    assert values.tolist() == backend.host(twin).tolist() == [0, 1, 2]
    again = backend.move(twin, place)
    twin[...] = 9
    assert backend.host(again).tolist() == [0, 1, 2]


def test_all_finite_sees_every_value(place):
    values = np.ones((2, 3))
    assert backend.all_finite(backend.move(values, place))
    for bad in (np.nan, np.inf, -np.inf):
        values[1, 2] = bad
        assert not backend.all_finite(backend.move(values, place))
    assert backend.all_finite(backend.move(np.zeros((0, 3)), place))


# --- kernels: plain on array-api-strict, fast on numpy --------------------------------------------


def both(kernel, *arrays):
    """The result of a kernel on numpy and on array-api-strict, on the host."""
    fast = kernel(*arrays)
    plain = kernel(*(backend.move(a, STRICT) if isinstance(a, np.ndarray) else a for a in arrays))
    assert backend.place_of(plain) == STRICT
    return fast, backend.host(plain)


@given(st.data())
@quick
def test_top_k_is_the_same_fast_and_plain_with_many_ties(data):
    dtype = data.draw(st.sampled_from(["float64", "float32", "int64", "int8", "uint8"]))
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=7))
    low = 0 if dtype == "uint8" else -3
    few = st.integers(low, 3) if "int" in dtype else st.sampled_from([-np.inf, -1, 0, 0.5, np.inf])
    a = data.draw(hnp.arrays(dtype, shape, elements=few))
    k = data.draw(st.integers(1, shape[-1]))
    fast, plain = both(lambda a: backend.top_k(a, k), a)
    assert np.array_equal(fast, plain)
    by_hand = [
        sorted(range(shape[-1]), key=lambda i: (-float(row[i]), i))[:k]
        for row in a.reshape(-1, shape[-1])
    ]
    assert fast.reshape(-1, k).tolist() == by_hand


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_top_k_of_pixels_and_of_the_smallest_integer(dtype):
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    a = np.array([least, 1, most, 3], dtype=dtype)
    for place in (backend.place("numpy"), STRICT):
        assert backend.host(backend.top_k(backend.move(a, place), 3)).tolist() == [2, 3, 1]


@pytest.mark.parametrize("k", [0, 4, -1])
def test_top_k_of_more_than_there_are_is_refused(k, place):
    with pytest.raises(ValueError, match=f"k must be between 1 and 3, not {k}"):
        backend.top_k(backend.move(np.ones((2, 3)), place), k)


@given(st.data())
@quick
def test_rows_are_added_repeats_included_fast_and_plain(data):
    count, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    index = np.array(data.draw(st.lists(st.integers(0, count - 1), max_size=9)), dtype="int64")
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    a, rows = rng.standard_normal((count, width)), rng.standard_normal((len(index), width))
    expected = a.copy()
    for i, row in zip(index, rows, strict=True):
        expected[i] += row

    def added(a, index, rows):
        a = backend.copy(a)
        backend.add_rows(a, index, rows)
        return a

    for result in both(added, a, index, rows):
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)


@given(st.data())
@quick
def test_labels_are_counted_fast_and_plain(data):
    length = data.draw(st.integers(1, 6))
    dtype = data.draw(st.sampled_from(["int64", "int32", "uint8"]))
    labels = np.array(data.draw(st.lists(st.integers(0, length - 1), max_size=12)), dtype=dtype)
    fast, plain = both(lambda labels: backend.bincount(labels, length), labels)
    assert fast.tolist() == plain.tolist() == [(labels == i).sum() for i in range(length)]


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_is_treated_alike_fast_and_plain(label):
    results = []
    for place in (backend.place("numpy"), STRICT):
        try:
            counts = backend.bincount(backend.move(np.array([0, label]), place), 3)
            results.append(backend.host(counts).tolist())
        except ValueError:
            results.append("refused")
    assert results[0] == results[1]


@given(st.data())
@quick
def test_rows_are_taken_fast_and_plain(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=5))
    a = np.random.default_rng(1).standard_normal(shape)
    rows = st.lists(st.integers(0, shape[0] - 1), max_size=6)
    index = np.array(data.draw(rows), dtype="int64")
    fast, plain = both(backend.take_rows, a, index)
    assert fast.shape == (len(index), *shape[1:])
    assert np.array_equal(fast, plain)
    assert all(np.array_equal(row, a[i]) for row, i in zip(fast, index, strict=True))


@given(st.sampled_from([(), (2,)]), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
@quick
def test_a_product_goes_into_memory_that_is_there(lead, n, k, m):
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((*lead, n, k)), rng.standard_normal((*lead, k, m))

    def product(a, b):
        out = backend.move(np.full((*lead, n, m), np.nan), backend.place_of(a))
        seen = out[...]
        backend.matmul_into(a, b, out)
        assert np.array_equal(backend.host(seen), backend.host(out))  # not a new array
        return out

    for result in both(product, a, b):
        np.testing.assert_allclose(result, a @ b, rtol=1e-12, atol=1e-13)


def test_kernels_on_every_backend(place):
    a = backend.move([[1.0, 3, 3, 2], [0, 0, 0, 0]], place)
    assert backend.host(backend.top_k(a, 2)).tolist() == [[1, 2], [0, 1]]
    index = backend.move(np.array([1, 1, 0]), place)
    assert backend.host(backend.take_rows(a, index)).tolist() == [[0] * 4, [0] * 4, [1, 3, 3, 2]]
    assert backend.host(backend.bincount(index, 4)).tolist() == [1, 2, 0, 0]
    rows = backend.move(np.arange(12.0).reshape(3, 4), place)
    backend.add_rows(a, index, rows)
    assert backend.host(a).tolist() == [[9, 12, 13, 13], [4, 6, 8, 10]]


# --- random numbers -------------------------------------------------------------------------------


def test_a_generator_is_itself_or_is_made_of_a_seed():
    rng = np.random.default_rng(3)
    assert backend.generator(rng) is rng
    assert backend.generator(3).random() == np.random.default_rng(3).random()
    assert backend.generator(np.int64(3)).random() == np.random.default_rng(3).random()
    fresh_one = backend.generator()
    seed = fresh_one.bit_generator.seed_seq.entropy
    assert np.random.default_rng(seed).random() == fresh_one.random()


def test_the_global_generator_is_never_touched():
    def digest():
        return hashlib.sha256(repr(np.random.get_state()).encode()).hexdigest()

    before = digest()
    net = Network(Affinity(4, 3), Map("tanh"), Dropout(0.3), Affinity(3, 2)).randomize()
    x, target = np.ones((20, 4)), np.zeros((20, 2))
    net.fit(x, target, epochs=2, batch=6, validation=(x, target))
    minigrad.gradient_check(net)
    net.stack(3).learn([(x, target)])
    assert digest() == before


# --- what the package asks of a namespace ---------------------------------------------------------


def chain(node):
    """The names of a.b.c, first to last; of calls, namespace(a) alone counts by its function."""
    if isinstance(node, ast.Call):
        names = chain(node.func)
        return names if names[-1] == "namespace" else ["?"]
    if isinstance(node, ast.Attribute):
        return [*chain(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else ["?"]


def asked_of_namespaces():
    """Every name that the package takes from an array namespace: "sum", "linalg.norm", ..."""
    names = {"float64", "float32", "complex128"}  # asked for by getattr
    for path, source in SOURCES.items():
        if path.parts[0] == "data":
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                *before, name = chain(node)
                if before and before[-1] in ("xp", "namespace"):
                    names.add(name)
                elif len(before) > 1 and before[-2] in ("xp", "namespace"):
                    names.add(f"{before[-1]}.{name}")
    return names - {"Device"}  # asked of array-api-strict alone


def find(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def test_the_scan_of_what_is_asked_finds_what_is_known_to_be_asked():
    known = {"tanh", "where", "sum", "take", "concat", "maximum", "isfinite", "broadcast_to"}
    assert known <= asked_of_namespaces()


def test_everything_asked_of_a_namespace_is_in_the_standard():
    missing = [n for n in sorted(asked_of_namespaces()) if not hasattr(STRICT.xp, n.split(".")[0])]
    assert not missing


@pytest.mark.parametrize("name", ["cupy", "torch", "numpy"])
def test_everything_asked_of_a_namespace_is_there(name):
    if name != "numpy" and cases.is_installed(name) is None:
        pytest.skip(f"{name} is not installed")  # an error where MINIGRAD_TEST_BACKENDS names it
    namespace = importlib.import_module(backend.LIBRARIES[name].module)
    for asked in sorted(asked_of_namespaces()):
        assert callable(find(namespace, asked)) or asked in dir(namespace), asked


def test_every_array_attribute_that_is_used_is_there():
    kinds = {"numpy": "ndarray", "torch": "Tensor", "cupy": "ndarray"}
    used = {
        node.attr
        for path, source in SOURCES.items()
        if path.parts[0] != "data"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
    } & {"mT", "T", "ndim", "shape", "dtype", "device", "size"}
    assert "mT" in used
    for name, kind in kinds.items():
        if name == "numpy" or cases.is_installed(name):
            array = getattr(importlib.import_module(name), kind)
            assert not [a for a in used if not hasattr(array, a)]


# --- the shape of the house -----------------------------------------------------------------------

FLOORS = (
    ("backend", "errors", "text"),
    ("maps", "initializers", "parameters", "layers", "normalizing", "dropout", "convolution"),
    (
        *("network", "losses", "optimizers", "samples", "scores", "learner", "learning", "stacks"),
        *("saving", "checks", "fast"),
    ),
    ("ode", "hopfield", "hebbian", "information"),
    ("data", "plots", "bench"),
    ("exercises", "lesson", "cli", "__main__"),
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def imports(source, homes):
    """The modules of minigrad that a source imports, at any level: "layers", "data", ..."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            full = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in full:
            parts = name.split(".")
            if parts[0] == "minigrad" and len(parts) > 1:
                yield homes.get(parts[1], parts[1])


@pytest.mark.parametrize("path", sorted(SOURCES), ids=str)
def test_a_module_imports_only_from_its_own_floor_and_those_below(path):
    if path == Path("__init__.py"):  # the front door opens every module, when it is asked for
        return
    own = path.parts[0].removesuffix(".py")
    assert own in FLOOR, f"give {own} a floor in design.md and here"
    for imported in imports(SOURCES[path], minigrad._HOME):
        assert imported in FLOOR, f"{path} imports {imported}, which has no floor"
        assert FLOOR[imported] <= FLOOR[own], f"{path} imports {imported} from a higher floor"


def test_layers_know_nothing_of_what_makes_them_fast():
    for name in FLOORS[1]:
        assert "fast" not in set(imports(SOURCES[Path(f"{name}.py")], {}))


def code_lines(source):
    """How many lines hold code: no docstring, no comment, no blank line; a signature counts."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (
            tokenize.COMMENT,
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        ):
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            text = body[0].value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                lines -= set(range(text.lineno, text.end_lineno + 1))
    return len(lines)


def test_code_lines_are_counted_as_meant():
    assert (
        code_lines('"""Doc."""\n\n# why\ndef f(\n    x,\n):\n    """Doc\n\n    more."""\n    y\n')
        == 4
    )


def test_the_idea_fits_on_one_screen_and_its_file_stays_small():
    source = SOURCES[Path("layers.py")]
    screen = {
        node.name: code_lines(ast.get_source_segment(source, node))
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name in ("Identity", "Map", "Affinity")
    }
    assert len(screen) == 3
    assert sum(screen.values()) <= 60, screen
    assert code_lines(source) <= 200


def test_the_idea_has_no_branch_on_backend_or_stack():
    tree = ast.parse(SOURCES[Path("layers.py")])
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in ("Identity", "Map", "Affinity"):
            branches = (ast.If, ast.IfExp, ast.Match, ast.Try)
            assert not [n for n in ast.walk(node) if isinstance(n, branches)], node.name


def test_the_import_loads_nothing_heavy():
    heavy = ("scipy", "matplotlib", "tqdm", "dill", "torch", "cupy", "jax", "pandas")
    code = f"""
import sys, minigrad
from minigrad import Layer, Identity, Affinity, Map, Network, gradient_check
net = Network(Affinity(3, 2), Map("tanh"))
net.learn([([1, 2, 3], [0, 0])])
gradient_check(net)
print([name for name in {heavy} if name in sys.modules])"""
    assert fresh(code) == "[]"


def test_every_public_name_is_there():
    for name in minigrad.__all__:
        assert getattr(minigrad, name) is not None
        assert name in dir(minigrad)
    with pytest.raises(AttributeError, match="has no attribute 'Afinity'"):
        minigrad.Afinity  # noqa: B018
