"""How the service behaves: one JSON document, each key of which may be left out.

seed      a number; the same seed and the same order of requests give the same times and losses
seconds   what an operation takes: {"lambda:PublishLayerVersion": [0.5, 8], "lambda:*": [0.02, 0.3], "*": 0}; the first key
          that fits counts. The effect is at a random moment within, the answer at the end
pages     how many items a page of Lambda's lists has at most; as many as Lambda's own when left out
late      how long lists go on showing what was before a change, at most: {"lambda:ListLayerVersions": 5, …}; see lists.py
throttle  true for AWS's own limits, or requests a second by name: {"lambda": 15}; see throttle.py
lost      answers that get lost: [{"operation": "lambda:PublishLayerVersion", "when": "before", "how": "reset"}];
          `when` is before the effect or `after` it, `how` is reset, silence (until the client gives up), or a status like 503
refuse    requests that are refused: [{"operation": "lambda:GetLayerVersion", "as": "service-control-policy"}]; `as` is a row
          of refusals.yml, and what its words name may be given here: {"principal": "…", "resource": "…"}
clock     seconds by which the service's clock is wrong: in `Date`, and in what it stamps
validate  false: what the models refuse is passed on to moto all the same

Rows of `lost` and `refuse` say which requests they are for: `operation` (with `*`), `region`, `account`, `has` (a text of the
path or the body), `skip` (how many to let through before), `times` (how many to act on), `chance` (0 to 1).
"""

import fnmatch
import random
import threading

KEYS = {"seed", "seconds", "pages", "late", "throttle", "lost", "refuse", "clock", "validate"}
WHICH = {"operation", "region", "account", "has", "skip", "times", "chance"}
ROWS = {"lost": WHICH | {"when", "how"}, "refuse": WHICH | {"as", "principal", "resource", "status", "code", "message"}}


class Manner:
    def __init__(self, document=None):
        self.document = document or {}
        unknown = set(self.document) - KEYS
        for key, known in ROWS.items():
            for row in self.document.get(key, []):
                unknown |= {f"{key}: {name}" for name in set(row) - known}
        if unknown:
            raise ValueError(f"no such keys: {', '.join(sorted(unknown))}; there are {', '.join(sorted(KEYS))}")
        self.rows = {key: [Row(row) for row in self.document.get(key, [])] for key in ROWS}
        self.counts, self.lock = {}, threading.Lock()

    def chance(self, asked):
        """Random numbers for this request: they follow from the seed and from how many of its operation there were."""
        key = (asked.action, asked.region)
        with self.lock:
            number = self.counts[key] = self.counts.get(key, 0) + 1
        return random.Random(f"{self.document.get('seed', 0)} {key} {number}")

    def seconds(self, asked, chance):
        """How long until the effect, and from there to the answer."""
        spans = self.document.get("seconds") or {}
        span = next((value for name, value in spans.items() if fnmatch.fnmatchcase(asked.action, name)), 0)
        least, most = span if isinstance(span, list) else (span, span)
        whole = chance.uniform(least, most)
        before = whole * chance.random()
        return before, whole - before

    def late(self, operation):
        return (self.document.get("late") or {}).get(operation, 0)

    def row(self, key, asked, chance):
        """The first row for this request, if there is one."""
        with self.lock:
            return next((row.values for row in self.rows[key] if row.takes(asked, chance)), None)


class Row:
    def __init__(self, values):
        self.values = values
        self.skip, self.times = values.get("skip", 0), values.get("times", -1)

    def takes(self, asked, chance):
        values = self.values
        fits = fnmatch.fnmatchcase(asked.action, values.get("operation", "*"))
        fits = fits and values.get("region", asked.region) == asked.region
        fits = fits and values.get("account", asked.account) == asked.account
        has = values.get("has")
        fits = fits and (has is None or has in asked.path or has.encode() in asked.body)
        fits = fits and self.times != 0 and chance.random() < values.get("chance", 1)
        if fits and self.skip > 0:
            self.skip -= 1
            return False
        if fits and self.times > 0:
            self.times -= 1
        return fits
