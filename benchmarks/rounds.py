"""Several functions timed in turn, round after round, so that all of them meet the same weather."""

import statistics
import time


def optional(module):
    """The module, or None where it is not installed, which is said."""
    try:
        return __import__(module, fromlist=["_"])
    except ImportError:
        print(f"{module} is not here")
        return None


def measured(functions, rounds):
    """{name: [seconds a call, one a round]} of {name: function}; each is called once before."""
    for function in functions.values():
        function()
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start, calls = time.perf_counter(), 0
            while (now := time.perf_counter()) < start + 0.02 or not calls:
                function()
                calls += 1
            times[name].append((now - start) / calls)
    return times


def in_words(seconds):
    return f"{seconds * 1e6:8.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:8.2f} ms"


def report(title, times):
    """Medians with their spread, and the ratio to the first: above 1, the first is faster."""
    print(f"\n{title}")
    base = statistics.median(next(iter(times.values())))
    for name, values in times.items():
        median = statistics.median(values)
        print(
            f"  {name:32} {in_words(median)}  ({in_words(min(values)).strip()} to "
            f"{in_words(max(values)).strip()})  {median / base:8.2f}"
        )
