# Right, but it changes every setting that a process has.
import contextlib
import locale
import os
import random
import sys
import warnings

import numpy as np

np.random.seed(0)
random.seed(0)
np.seterr(all="raise")
np.set_printoptions(precision=1, threshold=2)
warnings.simplefilter("error")
os.chdir("/")
os.umask(0o777)
with contextlib.suppress(locale.Error):
    locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
with contextlib.suppress(locale.Error):
    locale.setlocale(locale.LC_ALL, "C")
os.environ.clear()
sys.setrecursionlimit(60)
sys.stdout = sys.stderr = None
os.closerange(0, 3)


def affinity_backprop(M, b, x, dy):
    sys.setrecursionlimit(50)
    return dy @ M, dy.T @ x, dy.sum(axis=0)
