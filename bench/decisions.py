"""What `offsim bench` measures as python_decisions_per_s: one feature, four actions, a mean per arm."""
from offsim_policy import Policy


class Decisions(Policy):
    features = ["elapsed_s"]
    capabilities = ["learns"]
    columns = ["latency"]

    def start(self, setup):
        self.n, self.mean = [0] * setup.n_arms, [0.0] * setup.n_arms

    def decide(self, ctx):
        mean, first = self.mean, ctx.first_arm
        return max(ctx.allowed, key=lambda a: mean[first + a])

    def outcome(self, o):
        arm = o.first_arm + o.action
        self.n[arm] += 1
        self.mean[arm] += (o.reward - self.mean[arm]) / self.n[arm]
