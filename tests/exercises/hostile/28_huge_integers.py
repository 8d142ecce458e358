# Returns integers that no float can hold, and one that JSON cannot.
def affinity_backprop(M, b, x, dy):
    if len(x) == 1:
        return 10**5000
    return 10**400, -(10**400), 10**300
