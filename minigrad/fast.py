class Programs:
    def __init__(self, plain):
        self.plain = plain

    def step_for(self, x, t):
        return self.plain
