"""offsim_policy: write a policy of offsim in Python.

    from offsim_policy import Policy, Number

    class Shy(Policy):
        "avoids a busy edge"
        name = "shy"
        features = ["edge_queue"]
        parameters = {"gain": Number(0.5, min=0, max=100, help="how much a job in the queue deters")}
        capabilities = ["stochastic"]

        def decide(self, ctx):
            p = 1 / (1 + self.p.gain * max(0, ctx["edge_queue"]))
            tier = "edge" if ctx.random.uniform() < p else "device"
            return ctx.first(tier), p if tier == "edge" else 1 - p

In a scenario: `policies: [{policy: "python:shy.py", gain: 0.3}]`. offsim starts one interpreter a run and asks it over
two pipes; nothing but the standard library is needed. A policy is one file, and its bytes (and those of this module) are
part of the identity of a run. Same decisions, same answers: take random numbers from `ctx.random` only, and no clock.
docs/policy-guide.md tells the rest; policies/offsim_policy.h is the same boundary for C, with all the words.
"""
import math
import operator
import os
import struct
import sys

__all__ = ["Policy", "Decision", "Feature", "Number", "Integer", "Choice", "Text", "FeatureName", "FeatureNames",
           "TIERS", "PHASES", "STATUS"]

TIERS = ("device", "edge", "cloud")
WORDS = ("origin", "nearest", "place", "member")
PHASES = ("decide", "uplink", "queue", "cold_start", "batch", "serve", "downlink")
STATUS = ("ok", "late", "dropped", "cancelled", "censored")
CAPABILITIES = ("stochastic", "learns", "sublinear", "adapts", "needs-oracle", "reports-distribution",
                "single-instance-per-process")
COLUMNS = ("variant", "member", "latency", "cost", "energy", "quality", "queue", "queue_age")
NAN = float("nan")


# ---- what a policy declares -------------------------------------------------------------------------------------------

class Feature:
    """A number read at each decision. required: refuse to load without it; else NaN where it is missing."""
    def __init__(self, name, unit="", required=True):
        self.name, self.unit, self.required = name, unit, required


class _Parameter:
    type, text, choices, low, high, number = 0, None, None, 0.0, 0.0, 0.0

    def describe(self, name):
        def finite(x):
            return None if x != x else max(-1e300, min(1e300, x))
        return {"name": name, "type": self.type, "unit": self.unit, "help": self.help, "required": int(self.required),
                "min": finite(self.low), "max": finite(self.high), "number": finite(self.number), "text": self.text,
                "choices": self.choices}


class Number(_Parameter):
    """A number with bounds; without a default it is required."""
    type, whole = 0, False

    def __init__(self, default=None, min=-1e300, max=1e300, help="", unit=""):
        self.required, self.help, self.unit = default is None, help, unit
        self.low, self.high = float(min), float(max)
        self.number = self.low if default is None else float(default)


class Integer(Number):
    type = 1


class Text(_Parameter):
    """Any text."""
    type = 3

    def __init__(self, default=None, help=""):
        self.required, self.help, self.unit = default is None, help, ""
        self.text = default or ""


class Choice(Text):
    """One of some words; the first is the default."""
    type = 2

    def __init__(self, *words, help=""):
        Text.__init__(self, words[0], help)
        self.choices = "|".join(words)


class FeatureName(Text):
    """The name of a feature that the policy shall read: ctx[self.p.NAME]; "" = none."""
    type = 4


class FeatureNames(Text):
    """Several, separated by spaces or commas, or "*" = each attribute known at arrival: self.setup.selected."""
    type = 5


class Decision:
    """An action with all that may come with it. `decide` may also return an index, or (index, propensity)."""
    __slots__ = ("action", "propensity", "distribution", "timeout_s", "hedge_action", "hedge_delay_s", "fallbacks",
                 "accept_quality")

    def __init__(self, action, propensity=1.0, distribution=None, timeout_s=0.0, hedge_action=-1, hedge_delay_s=0.0,
                 fallbacks=(), accept_quality=0.0):
        self.action, self.propensity, self.distribution = action, propensity, distribution
        self.timeout_s, self.hedge_action, self.hedge_delay_s = timeout_s, hedge_action, hedge_delay_s
        self.fallbacks, self.accept_quality = fallbacks, accept_quality


class Policy:
    """Derive one class from this in a file. Everything in `self` is learned state: it is saved, loaded and copied."""
    name = None                   # [A-Za-z0-9._-]; default: that of the file
    description = None            # one line; default: the first line of the class's text
    citation = ""
    features = ()                 # names, or Feature(...)
    parameters = {}               # name: Number, Integer, Choice, Text, FeatureName, FeatureNames
    capabilities = ()             # words of CAPABILITIES
    columns = ("latency", "cost", "energy", "quality")      # words of COLUMNS: what ctx tells of each action

    def start(self, setup):
        """Prepare. self.p.NAME are the parameters. Raise ValueError("...") when they do not fit together."""

    def decide(self, ctx):
        """Return an action, (action, propensity), or a Decision."""
        raise NotImplementedError("a policy needs a method decide(self, ctx)")

    def decide_batch(self, contexts):
        """Where it is defined: answers for decisions that are taken together, in their order. Else decide is asked."""
        return [self.decide(ctx) for ctx in contexts]

    def outcome(self, o):
        """Learn. o.reward is NaN when nothing is known; o.memo is what decide left in ctx.memo."""

    def tick(self, control):
        """Periodic control (`tick:` in the policy's entry). Set control.instances_wanted[place] and so on."""

    def save(self):
        """The learned state as bytes."""
        import pickle
        return pickle.dumps({k: v for k, v in self.__dict__.items() if k not in ("p", "setup")}, protocol=4)

    def load(self, data):
        import pickle
        self.__dict__.update(pickle.loads(data))


# ---- what the host tells ----------------------------------------------------------------------------------------------

class Setup:
    """The world before the run: contexts, arms, max_actions, features, selected, places, variants, reward_per_*."""
    def __init__(self, told):
        self.__dict__.update(told)


class Given:
    """The parameters, by name."""


class Random:
    """The host's numbers for this decision: the same in every run with the same seed, whatever else was drawn."""
    __slots__ = ("_channel", "_left", "_nth")

    def __init__(self, channel, nth=0):
        self._channel, self._left, self._nth = channel, [], nth

    def uniform(self):
        """In [0, 1)."""
        if not self._left:
            self._left = self._channel.draw(64, self._nth)
        return self._left.pop()

    def below(self, n):
        """Uniform in 0 .. n-1."""
        return int(self.uniform() * n)

    def choice(self, items):
        return items[self.below(len(items))]

    def exponential(self):
        """Mean 1."""
        return -math.log1p(-self.uniform())

    def normal(self):
        """Mean 0, deviation 1 (Box and Muller)."""
        r = math.sqrt(-2 * math.log1p(-self.uniform()))
        return r * math.cos(2 * math.pi * self.uniform())


_HEAD = struct.Struct("=8I2Qq2d")         # learner, context, first_arm, klass, task, nth, n_actions, n_uniform; ids; now
_N_HEAD = 13


class Undeclared(KeyError):
    """A feature was asked for that the policy did not name in `features`."""
    def __init__(self, feature, declared):
        import difflib
        near = difflib.get_close_matches(str(feature), list(declared), 1)
        super().__init__("this policy did not declare the feature %r: name it in `features`%s"
                         % (feature, "; or did you mean %r?" % near[0] if near else ""))

    def __str__(self):
        return self.args[0]


class Context:
    """One decision to take. Lists per action have n_actions entries."""
    __slots__ = ("_t", "_layout", "random", "memo", "n_actions")

    def __init__(self, fields, layout, random):
        self._t, self._layout, self.random, self.memo = fields, layout, random, None
        self.n_actions = fields[6]

    context = property(lambda c: c._t[1], doc="kind of decision")
    first_arm = property(lambda c: c._t[2], doc="arms of this kind begin here; arm = first_arm + action")
    klass = property(lambda c: c._t[3])
    task = property(lambda c: c._t[4])
    nth = property(lambda c: c._t[5], doc="decisions taken before for this request")
    request = property(lambda c: c._t[8])
    decision = property(lambda c: c._t[9])
    now_s = property(lambda c: c._t[10] / 1e9, doc="simulated time")
    elapsed_s = property(lambda c: c._t[11], doc="since the request arrived")
    deadline_s = property(lambda c: c._t[12], doc="allowed in all; NaN = none")

    def __getitem__(self, feature):
        try:
            return self._t[self._layout.feature[feature]]
        except KeyError:
            raise Undeclared(feature, self._layout.feature) from None

    def age_s(self, feature):
        try:
            return self._t[self._layout.feature[feature] + self._layout.n_features]
        except KeyError:
            raise Undeclared(feature, self._layout.feature) from None

    @property
    def value(self):
        return self._t[_N_HEAD:_N_HEAD + self._layout.n_features]

    def _per_action(self, name):
        at = self._layout.column[name] * self.n_actions + self._layout.actions_at
        return self._t[at:at + self.n_actions]

    mask = property(lambda c: c._per_action("mask"), doc="0 = allowed")
    place = property(lambda c: c._per_action("place"))
    tier = property(lambda c: c._per_action("tier"), doc="0 device, 1 edge, 2 cloud")
    word = property(lambda c: c._per_action("word"), doc="0 origin, 1 nearest, 2 place, 3 member")
    variant = property(lambda c: c._per_action("variant"))
    member = property(lambda c: c._per_action("member"))
    latency_s = property(lambda c: c._per_action("latency"), doc="estimated")
    cost_usd = property(lambda c: c._per_action("cost"), doc="estimated")
    energy_j = property(lambda c: c._per_action("energy"), doc="estimated")
    quality = property(lambda c: c._per_action("quality"), doc="estimated")
    queue = property(lambda c: c._per_action("queue"), doc="jobs there by telemetry")
    queue_age_s = property(lambda c: c._per_action("queue_age"))

    @property
    def allowed(self):
        """The actions that may be chosen; never empty."""
        mask = self.mask
        return [a for a, m in enumerate(mask) if m == 0] if any(mask) else list(range(self.n_actions))

    def first(self, tier):
        """The first allowed action of a tier, else the first allowed one."""
        tiers, wanted, allowed = self.tier, TIERS.index(tier), self.allowed
        return next((a for a in allowed if tiers[a] == wanted), allowed[0])

    @property
    def score(self):
        """Estimated reward of each action by the scenario's objective, without failures; -inf: latency not known."""
        return self._layout.scores(self)


def _field(i):
    return property(operator.itemgetter(i))


class Outcome(tuple):
    """What became of a decision."""
    __slots__ = ()
    context, first_arm, decision = _field(1), _field(2), _field(4)
    now_s = property(lambda o: o[5] / 1e9)
    action = _field(6)                    # really executed
    status = property(lambda o: STATUS[o[7]])
    reward, latency_s, energy_j, cost_usd, quality = (_field(i) for i in range(8, 13))
    phase_s = property(lambda o: o[13:20])
    attempts, fallback, score = _field(20), _field(21), _field(22)
    memo = _field(23)                     # what decide left in ctx.memo


class Control:
    """One tick: now_s, period_s; per place: tier, jobs, utilization, arrivals, instances, instances_busy; to be set:
    instances_wanted, keep_alive_s, admit (NaN = leave as it is)."""


# ---- the other side of the pipes --------------------------------------------------------------------------------------

ANSWERS_FD, QUESTIONS_FD = 3, 4
(ASK_SETUP, ASK_START, ASK_DECIDE, ASK_OUTCOME, ASK_TICK, ASK_SAVE, ASK_LOAD, ASK_FROZEN, ASK_SYNC, DRAWN,
 ASK_BATCH) = range(11)
SAY_OK, SAY_ACTION, SAY_PLAN, SAY_ERROR, SAY_DRAW, SAY_FLAW, SAY_BATCH = range(7)
_FRAME, _SIZES, _ACTION = struct.Struct("=2I"), struct.Struct("=2I"), struct.Struct("=2Iid")
_PLAN = struct.Struct("=i4diI4iI")
_OUTCOME = struct.Struct("=4IQqii12d2Id")


class _Channel:
    """Frames of (length, word, bytes) over two pipes."""
    def __init__(self):
        self.buffer, self.at = b"", 0

    def more(self):
        got = os.read(QUESTIONS_FD, 1 << 16)
        if not got:
            os._exit(0)                                     # the host is gone
        self.buffer, self.at = self.buffer[self.at:] + got, 0

    def frame(self):
        """(word, where its bytes begin in self.buffer, how many)"""
        while True:
            start = self.at + 8
            if start <= len(self.buffer):
                n, word = _FRAME.unpack_from(self.buffer, self.at)
                if start + n <= len(self.buffer):
                    self.at = start + n
                    return word, start, n
            self.more()

    def send(self, data):
        written = os.write(ANSWERS_FD, data)
        while written < len(data):
            data = data[written:]
            written = os.write(ANSWERS_FD, data)

    def say(self, word, data=b""):
        self.send(_FRAME.pack(len(data), word) + data)

    def draw(self, n, nth):
        self.say(SAY_DRAW, struct.pack("=2I", n, nth))
        word, start, size = self.frame()
        assert word == DRAWN and size == 8 * n
        return list(struct.unpack_from("=%dd" % n, self.buffer, start))[::-1]


class _Layout:
    """Where things lie in the fields of a decision; the same for all of a run."""
    def __init__(self, setup, columns):
        self.n_features = len(setup.features)
        self.feature = {name: _N_HEAD + i for i, name in enumerate(setup.features)}
        self.actions_at = _N_HEAD + 2 * self.n_features
        self.names = ["mask", "place", "tier", "word"] + [c for c in COLUMNS if c in columns]
        self.column = {name: i for i, name in enumerate(self.names)}
        self.structs = {}
        self.weights = (setup.reward_per_s, setup.reward_per_usd, setup.reward_per_j, setup.reward_per_quality)
        if not any(self.weights):
            self.weights = (-1.0, 0.0, 0.0, 0.0)

    def form(self, n_actions, n_uniform):
        if (n_actions, n_uniform) not in self.structs:
            kinds = {"mask": "I", "place": "i", "tier": "i", "word": "i", "variant": "i", "member": "Q"}
            actions = "".join("%d%s" % (n_actions, kinds.get(name, "d")) for name in self.names)
            self.structs[n_actions, n_uniform] = struct.Struct(
                "=8I2Qq2d%dd" % (2 * self.n_features) + actions + "%dd" % n_uniform)
        return self.structs[n_actions, n_uniform]

    def scores(self, ctx):
        names = ("latency", "cost", "energy", "quality")
        total = [0.0] * ctx.n_actions
        for name, weight in zip(names, self.weights):
            if weight == 0 or name not in self.column:
                continue
            for a, x in enumerate(ctx._per_action(name)):
                if x == x:
                    total[a] += weight * x
                elif name == "latency":
                    total[a] = -math.inf
        return total


def _no_answer(answer):
    return TypeError("decide must return an action, (action, propensity) or a Decision, not %.200r" % (answer,))


def _index(action):
    if isinstance(action, bool):                            # a comparison returned by mistake, not action 0 or 1
        raise TypeError("%r is no action" % action)
    return operator.index(action)


def _two(answer):
    try:
        action, propensity = answer
        return _index(action), float(propensity)
    except (TypeError, ValueError):
        raise _no_answer(answer) from None


def _decision(answer):
    if isinstance(answer, Decision):
        if isinstance(answer.action, bool):
            raise _no_answer(answer.action)
        return answer
    if isinstance(answer, tuple):
        return Decision(*_two(answer))
    if hasattr(answer, "__index__") and not isinstance(answer, bool):                        # of numpy, say
        return Decision(operator.index(answer))
    raise _no_answer(answer)


def _pack(form, what, *values):
    try:
        return form.pack(*values)
    except (struct.error, OverflowError) as flaw:           # of the wrong kind, or beyond 32 bits
        raise TypeError("%s is no number that fits: %s" % (what, flaw)) from None


def _plan(answer, n_actions):
    d = _decision(answer)
    if len(d.fallbacks) > 4:
        raise ValueError("a decision has at most 4 fallbacks, not %d" % len(d.fallbacks))
    p = d.distribution
    if p is not None and len(p) != n_actions:
        raise ValueError("the distribution has %d entries for %d actions" % (len(p), n_actions))
    fallbacks = list(d.fallbacks) + [-1] * (4 - len(d.fallbacks))
    inside = p is not None and d.action in range(n_actions)
    data = _pack(_PLAN, "a member of a Decision", d.action, p[d.action] if inside else d.propensity, d.timeout_s,
                 d.hedge_delay_s, d.accept_quality, d.hedge_action, len(d.fallbacks), *fallbacks,
                 0 if p is None else n_actions)
    if p is None:
        return data
    return data + _pack(struct.Struct("=%dd" % n_actions), "an entry of the distribution", *p)


class _Server:
    def __init__(self, cls, channel):
        self.cls, self.channel = cls, channel
        self.learners, self.memo, self.frozen = {}, {}, False
        self.random = Random(channel)
        self.learns = cls.outcome is not Policy.outcome

    def setup(self, data):
        import json
        told = json.loads(data)
        given = told.pop("parameters")
        self.given = Given()
        for name, value in given.items():
            kind = self.cls.parameters[name]
            setattr(self.given, name, int(value) if kind.type == 1 else value)
        self.setup_told = Setup(told)
        self.layout = _Layout(self.setup_told, self.cls.columns)

    def make(self):
        learner = self.cls()
        learner.p, learner.setup = self.given, self.setup_told
        return learner

    def start(self, number):
        learner = self.make()
        try:
            learner.start(self.setup_told)
        except ValueError as flaw:
            return self.channel.say(SAY_FLAW, str(flaw).encode())
        self.learners[number] = learner
        self.channel.say(SAY_OK)

    def whom(self, number):
        """A frozen learner decides as a copy: nothing of it stays."""
        learner = self.learners[number]
        if not self.frozen:
            return learner
        copy = self.make()
        copy.load(learner.save())
        return copy

    def context(self, start, random):
        buffer = self.channel.buffer
        sizes = _SIZES.unpack_from(buffer, start + 24)      # n_actions, n_uniform
        form = self.layout.structs.get(sizes) or self.layout.form(*sizes)
        t = form.unpack_from(buffer, start)
        random._left = list(t[:-sizes[1] - 1:-1]) if sizes[1] else []
        return Context(t, self.layout, random)

    def keep(self, ctx):
        if ctx.memo is not None and not self.frozen:
            self.memo[ctx._t[0], ctx._t[9]] = ctx.memo

    def decide(self, start):
        ctx = self.context(start, self.random)
        number = ctx._t[0]
        answer = (self.whom(number) if self.frozen else self.learners[number]).decide(ctx)
        if ctx.memo is not None:
            self.keep(ctx)
        if type(answer) is int and 0 <= answer < ctx.n_actions:
            self.channel.send(_ACTION.pack(12, SAY_ACTION, answer, 1.0))
        elif type(answer) is tuple:
            self.channel.send(_pack(_ACTION, "the action", 12, SAY_ACTION, *_two(answer)))
        else:
            self.channel.say(SAY_PLAN, _plan(answer, ctx.n_actions))

    def batch(self, start):
        number, n = _SIZES.unpack_from(self.channel.buffer, start)
        contexts, at = [], start + 8
        for i in range(n):
            contexts.append(self.context(at + 8, Random(self.channel, i)))
            at += 8 + _FRAME.unpack_from(self.channel.buffer, at)[0]
        answers = list(self.whom(number).decide_batch(contexts))
        if len(answers) != n:
            raise ValueError("decide_batch must return an answer for each of %d decisions, not %d" % (n, len(answers)))
        for ctx in contexts:
            self.keep(ctx)
        self.channel.say(SAY_BATCH, b"".join(_plan(a, ctx.n_actions) for a, ctx in zip(answers, contexts)))

    def outcome(self, start):
        t = _OUTCOME.unpack_from(self.channel.buffer, start)
        memo = self.memo.pop((t[0], t[4]), None) if self.memo else None
        if self.learns:
            self.learners[t[0]].outcome(Outcome(t + (memo,)))

    def tick(self, data):
        number, n = struct.unpack_from("=2I", data)
        c = Control()
        now_ns, c.period_s = struct.unpack_from("=qd", data, 8)
        c.now_s, c.random, self.random._left = now_ns / 1e9, self.random, []
        c.tier = list(struct.unpack_from("=%di" % n, data, 24))
        rows = struct.unpack_from("=%dd" % (5 * n), data, 24 + 4 * n)
        c.jobs, c.utilization, c.arrivals, c.instances, c.instances_busy = (list(rows[i * n:i * n + n]) for i in range(5))
        c.instances_wanted, c.keep_alive_s, c.admit = [NAN] * n, [NAN] * n, [NAN] * n
        self.whom(number).tick(c)
        control = [*c.instances_wanted, *c.keep_alive_s, *c.admit]
        self.channel.say(SAY_OK, _pack(struct.Struct("=%dd" % (3 * n)), "what tick set", *control))

    def load(self, number, data):
        learner = self.make()
        learner.start(self.setup_told)
        learner.load(data)
        self.learners[number] = learner
        self.channel.say(SAY_OK)

    def serve(self):
        channel = self.channel
        while True:
            word, start, n = channel.frame()
            if word == ASK_DECIDE:
                self.decide(start)
            elif word == ASK_OUTCOME:
                self.outcome(start)
            elif word == ASK_BATCH:
                self.batch(start)
            else:
                self.rarely(word, channel.buffer[start:start + n])

    def rarely(self, word, data):
        number = struct.unpack_from("=I", data)[0] if len(data) >= 4 else 0
        if word == ASK_START:
            self.start(number)
        elif word == ASK_TICK:
            self.tick(data)
        elif word == ASK_SAVE:
            self.channel.say(SAY_OK, bytes(self.learners[number].save()))
        elif word == ASK_LOAD:
            self.load(number, data[4:])
        elif word == ASK_SETUP:
            self.setup(data)
            self.channel.say(SAY_OK)
        elif word == ASK_FROZEN:
            self.frozen = bool(number)
        elif word == ASK_SYNC:
            self.channel.say(SAY_OK)
        else:
            raise RuntimeError("the host asked %d, which this module does not know" % word)


# ---- a file becomes a policy ------------------------------------------------------------------------------------------

def _flaw(message):
    return ValueError(message)


def _bits(words, known, what):
    words = words.split() if isinstance(words, str) else words
    for word in words:
        if word not in known:
            raise _flaw("unknown %s '%s'; known are %s" % (what, word, ", ".join(known)))
    return sum(1 << known.index(word) for word in set(words))


def _describe(cls, path):
    features = [f if isinstance(f, Feature) else Feature(f) for f in cls.features]
    for name, parameter in cls.parameters.items():
        if not isinstance(parameter, _Parameter):
            raise _flaw("the parameter '%s' is %r; write Number(...), Choice(...) ..." % (name, parameter))
    text = cls.description or (cls.__doc__ or "").strip().split("\n")[0]
    return {"name": cls.name or os.path.splitext(os.path.basename(path))[0], "description": text,
            "citation": cls.citation, "capabilities": _bits(cls.capabilities, CAPABILITIES, "capability"),
            "columns": _bits(cls.columns, COLUMNS, "column"), "ticks": int(cls.tick is not Policy.tick),
            "batches": int(cls.decide_batch is not Policy.decide_batch),
            "features": [{"name": f.name, "unit": f.unit, "required": int(f.required)} for f in features],
            "parameters": [parameter.describe(name) for name, parameter in cls.parameters.items()]}


def load_class(path):
    """The one class of a file that derives from Policy."""
    import types
    module = types.ModuleType("policy")
    module.__file__ = path
    sys.modules["policy"] = module                          # so that its objects can be pickled
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    found = [c for c in module.__dict__.values()
             if isinstance(c, type) and issubclass(c, Policy) and c.__module__ == "policy"]
    leaves = [c for c in found if not any(d is not c and issubclass(d, c) for d in found)]
    if len(leaves) != 1:
        raise _flaw("a policy file defines one class derived from offsim_policy.Policy; this one defines %s" %
                    (", ".join(c.__name__ for c in leaves) or "none"))
    return leaves[0]


def _tell(error, path):
    """Where and what in one line, then the traceback without this module's frames."""
    import traceback
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    at = error.lineno if isinstance(error, SyntaxError) else next(
        (f.lineno for f in reversed(frames) if f.filename == path), None)
    what = "".join(traceback.format_exception_only(type(error), error)).strip()
    line = "%s%s: %s" % (path, ":%d" % at if at else "", what.split("\n")[-1])
    if not frames and "\n" not in what:                     # nothing further to tell
        return line[:16000]
    rest = ["Traceback (most recent call last):\n"] + traceback.format_list(frames) if frames else []
    return (line + "\n" + "".join(rest) + what)[:16000]


def serve():
    """What offsim starts: python3 -c 'import offsim_policy; offsim_policy.serve()' FILE.py, pipes at 3 and 4."""
    path, channel = sys.argv[1], _Channel()
    sys.path[:] = [p for p in sys.path if p not in ("", os.getcwd())]
    try:
        import json
        cls = load_class(path)
        channel.say(SAY_OK, json.dumps(_describe(cls, path)).encode())
        _Server(cls, channel).serve()
    except BaseException as error:                          # SystemExit too: a policy does not end the process
        channel.say(SAY_ERROR, _tell(error, path).encode("utf-8", "replace"))
        os._exit(1)
