"""gym_env: offsim as an environment with reset and step, in the manner of Gymnasium, which is not needed.

    env = OffsimEnv("scenarios/minimal.yaml", features=["images"])
    observation, info = env.reset(seed=3)
    while True:
        action = choose(observation, info["mask"])
        observation, reward, terminated, truncated, info = env.step(action)
        if terminated: break

An episode is one replication of the scenario, a step is one decision. The observation is a list of numbers: the features,
then per action the estimated latency, cost, energy and quality (0 where one is not known; actions that this kind of
decision does not have are masked). The action is an index; a masked one is replaced by offsim as from any policy. The
reward of a step is the sum of what was delivered since the step before: outcomes come late, and that of a decision mostly
arrives in a later step; info["outcomes"] has them one by one: (step that it belongs to, action executed, reward).

offsim drives: it runs with a policy in Python (this file) that hands each question to the environment over a socket.
"""
import atexit
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile

COLUMNS = ("latency_s", "cost_usd", "energy_j", "quality")


# ---- in the interpreter that offsim starts ----------------------------------------------------------------------------

if "OFFSIM_GYM_SOCKET" in os.environ:
    from offsim_policy import Policy

    def finite(numbers):
        return [x if math.isfinite(x) else 0.0 for x in numbers]

    class HandsOver(Policy):
        """asks the environment that started this run"""
        name = "gym"
        capabilities = ["learns"]
        features = json.loads(os.environ["OFFSIM_GYM_FEATURES"])

        def start(self, setup):
            self.stream, self.n_actions = None, setup.max_actions

        def tell(self, message):
            if self.stream is None:                             # not before something is really asked
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(os.environ["OFFSIM_GYM_SOCKET"])
                self.stream = connection.makefile("rw", encoding="utf-8")
            self.stream.write(json.dumps(message) + "\n")
            self.stream.flush()

        def decide(self, ctx):
            padding = self.n_actions - ctx.n_actions
            observation = finite(ctx.value)
            for column in COLUMNS:
                observation += finite(getattr(ctx, column)) + [0.0] * padding
            self.tell({"step": ctx.decision, "observation": observation, "now_s": ctx.now_s,
                       "mask": [int(m == 0) for m in ctx.mask] + [0] * padding})
            action = self.stream.readline()
            if not action:
                raise RuntimeError("the environment was closed")
            return int(action)

        def outcome(self, o):
            if o.reward == o.reward and self.stream:
                self.tell({"outcome": [o.decision, o.action, o.reward]})


# ---- in the program that learns ---------------------------------------------------------------------------------------

class OffsimEnv:
    """set: what `offsim run --set` takes."""
    def __init__(self, scenario, features=(), offsim="offsim", set=()):
        self.scenario, self.features, self.offsim, self.set = scenario, list(features), offsim, list(set)
        self.folder, self.run, self.stream, self.seed, self.replication = tempfile.mkdtemp(), None, None, 1, 0
        atexit.register(self.close)

    def reset(self, seed=None, options=None):
        """A new episode: the next replication, or the first one of another seed."""
        self._stop()
        if seed is not None:
            self.seed, self.replication = seed, 0
        path = os.path.join(self.folder, "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(0.05)
            self._start(path)
            self.stream = self._accept(listener)
        os.unlink(path)
        self.replication += 1
        observation, _, _, _, info = self._next()
        return observation, info

    def step(self, action):
        self.stream.write("%d\n" % action)
        self.stream.flush()
        return self._next()

    def close(self):
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, path):
        environment = dict(os.environ, OFFSIM_GYM_SOCKET=path, OFFSIM_GYM_FEATURES=json.dumps(self.features))
        results = os.path.join(self.folder, "results")
        shutil.rmtree(results, ignore_errors=True)              # the same episode again is played again
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        self.run = subprocess.Popen(
            [self.offsim, "run", self.scenario, "--policy", os.path.abspath(__file__), "--seed", str(self.seed),
             "--replications", "%d..%d" % (self.replication, self.replication), "--quiet", "-j", "1", "-o", results,
             *(word for change in self.set for word in ("--set", change))],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
                connection.settimeout(None)
                return connection.makefile("rw", encoding="utf-8")
            except socket.timeout:
                if self.run.poll() is not None:
                    raise RuntimeError("offsim took no decision:\n" + self._said()) from None

    def _said(self):
        self.log.seek(0)
        return self.log.read()

    def _next(self):
        """Up to the next decision, or the end."""
        reward, outcomes = 0.0, []
        for line in self.stream:
            message = json.loads(line)
            if "step" in message:
                info = {"mask": message["mask"], "step": message["step"], "now_s": message["now_s"], "outcomes": outcomes}
                self.last = message["observation"]
                return self.last, reward, False, False, info
            outcomes.append(tuple(message["outcome"]))
            reward += outcomes[-1][2]
        if self.run.wait() != 0:
            raise RuntimeError("offsim failed:\n" + self._said())
        return self.last, reward, True, False, {"mask": [], "step": None, "now_s": None, "outcomes": outcomes}

    def _stop(self):
        if not self.run:
            return
        if self.run.poll() is None:
            self.run.terminate()
        self.run.wait()
        self.log.close()
        try:
            self.stream.close()
        except (AttributeError, OSError):                       # never opened, or the other side is gone
            pass
        self.run = self.stream = None


def epsilon_greedy(env, episodes, epsilon=0.1, seed=1):
    """A small learner that books late outcomes to the actions that they belong to. Returns the mean reward of each
    episode and of each action."""
    import random
    dice, n, mean, history = random.Random(seed), {}, {}, []
    for episode in range(episodes):
        _, info = env.reset(seed=seed if episode == 0 else None)
        got, over = [], False
        while not over:
            allowed = [a for a, m in enumerate(info["mask"]) if m]
            best = max(allowed, key=lambda a: mean.get(a, math.inf))
            action = dice.choice(allowed) if dice.random() < epsilon else best
            _, _, over, _, info = env.step(action)
            for _, taken, reward in info["outcomes"]:
                n[taken] = n.get(taken, 0) + 1
                mean[taken] = mean.get(taken, 0.0) + (reward - mean.get(taken, 0.0)) / n[taken]
                got.append(reward)
        history.append(sum(got) / max(1, len(got)))
    return history, mean


if __name__ == "__main__":
    environment = OffsimEnv(sys.argv[1] if len(sys.argv) > 1 else "scenarios/minimal.yaml", features=["images"],
                            set=["horizon.duration=60 s"])
    history, mean = epsilon_greedy(environment, 3)
    print("mean reward of each episode:", ", ".join("%.4f" % x for x in history))
    print("mean reward of each action:", ", ".join("%d: %.4f" % x for x in sorted(mean.items())))
    environment.close()
