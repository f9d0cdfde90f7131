"""The faults that services have, and what each means to whoever uploads a file.

A fault is set on a service for a while (`passing`: a stated number of its calls) or for good
(`lasting`, until it is taken away). What is to be seen then follows from its kind, see KINDS; the
numbers are those of upstream/decide.h.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    more: int = 0           # further calls that each taken fault leads to, while it passes
    overcome: bool = True   # passing: nobody notices
    survived: bool = False  # lasting: likewise
    breaker: str = "closed"  # lasting: "closed" throughout, or "open"
    fatal: bool = False     # one is enough to open it
    budgeted: bool = True   # further calls come out of the budget of retries
    heals: bool = True      # all is well again as soon as the fault is gone


FINE = Kind("fine", survived=True)                       # no fault at all, if one looks closely
RETRIED = Kind("retried", more=1, breaker="open")
LIMITED = Kind("limited", more=1)                        # likewise, but the service is not to blame
FINAL = Kind("final", overcome=False)
FAILING = Kind("failing", overcome=False, breaker="open")  # not retried, but it is to blame
FATAL = Kind("fatal", overcome=False, breaker="open", fatal=True)  # the key, the money
ADAPTED = Kind("adapted", more=1, budgeted=False)        # again at once, with something less
LEARNED = Kind("learned", survived=True)                 # the same, and remembered
LATE = Kind("late", overcome=False)                      # no call is over before its request is
OFF = Kind("off", overcome=False, heals=False)           # there is no such thing: not asked again


@dataclasses.dataclass(frozen=True)
class Row:
    service: str  # a group of GROUPS
    fault: str
    kind: Kind
    options: tuple = ()  # of the fault, as pairs
    statuses: frozenset = frozenset()  # of a request that fails for it
    times: int = 3       # while it passes
    slow: bool = False   # noticed by a deadline: goes with short ones
    last: bool = False   # the server remembers it: no other row comes after it
    share: float = 1.0   # of the usual number of requests
    stays: bool = True   # may befall all calls there are
    first: tuple = ()    # faults to be set with it, so that it can be met: (service, name)

    @property
    def broken_off(self):
        """We hang up, and the service sees its call end only when the next one has begun."""
        return self.kind is LATE or self.fault == "big"

    def __str__(self):
        words = [f"{name}={value}" if name != "headers" else "_".join(value.values())
                 for name, value in self.options]
        return "-".join([self.service, self.fault, *words]).replace("/", "_")


def row(service, fault, kind, statuses=(502,), times=None, slow=False, last=False, share=1.0,
        stays=True, first=(), **options):
    if times is None:
        times = 1 if kind.fatal else 3
    return Row(service, fault, kind, tuple(options.items()), frozenset(statuses) | {503}, times,
               slow, last, share, stays, first)


# 503 is what a request gets that meets the breaker open, after any of them.
ANSWERS = (
    ("status", RETRIED, {}),
    ("status", RETRIED, {"status": 408}),
    ("status", RETRIED, {"status": 502}),
    ("status", RETRIED, {"status": 504}),
    ("status", RETRIED, {"status": 529}),
    ("status", LIMITED, {"status": 409}),
    ("status", FINAL, {"status": 413}),
    ("status", FINAL, {"status": 422}),
    ("status", FINAL, {"status": 501}),
    ("status", LIMITED, {"status": 418, "should_retry": "true"}),
    ("status", FAILING, {"status": 503, "should_retry": "false"}),
    ("rate-limited", LIMITED, {}),
    ("rate-limited", LIMITED, {"retry_after_ms": 50}),
    ("rate-limited", LIMITED, {"retry_after": "0.05"}),
    ("rate-limited", LIMITED, {"retry_date_s": 1, "share": 0.1}),
    ("rate-limited", FINAL, {"retry_after": "500"}),
    ("rate-limited", FINAL, {"should_retry": "false"}),
    ("no-credits", FATAL, {}),
    ("bad-key", FATAL, {}),
    ("forbidden", FATAL, {}),
    ("overloaded", RETRIED, {}),
    ("overloaded", RETRIED, {"retry_after_ms": 20}),
    ("slow-down", RETRIED, {}),
    ("not-found", FINAL, {}),
    ("gone", FINAL, {}),
    ("html", RETRIED, {}),
    ("html", FINAL, {"status": 400}),
    ("error-string", RETRIED, {}),
    ("error-string", FINAL, {"status": 400}),
    ("detail", RETRIED, {}),
    ("detail", FINAL, {"status": 422}),
    ("garbage", LIMITED, {"times": 1}),
    ("empty", LIMITED, {"times": 1}),
    ("redirect", FINAL, {"to": "http://127.0.0.1:9/"}),
    ("latency", FINE, {"ms": 50}),
    ("headers", FINE, {"headers": {"x-ratelimit-remaining-requests": "0",
                                   "x-ratelimit-reset-requests": "20ms"}}),
    ("headers", FINE, {"headers": {"x-ratelimit-remaining-requests": "many",
                                   "x-ratelimit-reset-requests": "-1h",
                                   "Retry-After": "soon"}}),
    ("reset-first", RETRIED, {}),
    ("close-first", RETRIED, {}),
    ("stale", RETRIED, {"stays": False}),  # a new connection is none
    ("cut", RETRIED, {}),
    ("reset", RETRIED, {}),
    ("hang", RETRIED, {"slow": True}),
    ("stall", RETRIED, {"slow": True}),
    ("byte-chunks", FINE, {"share": 0.2}),
    ("drip", FINE, {"bytes": 512, "interval_ms": 5}),
)


def answers(service, **changes):
    """The rows that all services have in common; `changes` by name of a fault, or name_status."""
    for fault, kind, options in ANSWERS:
        words = {**options, **changes.get(fault.replace("-", "_"), {})}
        if "status" in options:
            words |= changes.get(f"{fault.replace('-', '_')}_{options['status']}", {})
        yield row(service, fault, words.pop("kind", kind), **words)


# What each service has beside these.


def polls():
    """Those that fail are not the job's end: eight of them in a row are, or its deadline."""
    tolerated = Kind("tolerated")
    for each in answers("status"):
        options = dict(each.options)
        if each.fault in ("hang", "stall") or options.get("retry_after") == "500":
            # Afterwards its job keeps its place for a minute: only the next poll would tell more.
            yield dataclasses.replace(each, kind=LATE, statuses=frozenset({504}), slow=True,
                                      times=1, stays=each.fault != "rate-limited")
        elif options.get("status") == 418:
            yield dataclasses.replace(each, kind=FINAL)  # nobody knows what it means for a poll
        elif each.kind in (RETRIED, LIMITED, FAILING) or options.get("should_retry"):
            yield dataclasses.replace(each, kind=tolerated, statuses=frozenset({502, 504}),
                                      slow=True, share=0.5)
        elif each.fault == "redirect":
            yield dataclasses.replace(each, kind=tolerated, slow=True,
                                      statuses=frozenset({502, 504}))
        else:
            yield each
    yield row("status", "big", tolerated, (502, 504), bytes=4 << 20, slow=True, share=0.1)


PARSE = (
    *answers("upload", hang={"kind": LATE, "statuses": (504,)},
             stall={"kind": LATE, "statuses": (504,)},
             # Version 1 of the API is gone: then it is version 2 for good.
             not_found={"kind": ADAPTED, "times": 1, "last": True},
             gone={"kind": ADAPTED, "times": 1, "last": True}),
    row("upload", "big", FINAL, bytes=4 << 20, share=0.1),
    *polls(),
    *answers("result", hang={"kind": LATE, "statuses": (504,)},
             stall={"kind": LATE, "statuses": (504,)},
             not_found={"kind": ADAPTED, "times": 1}),  # there is no markdown, but perhaps text
    row("job", "pending", FINE, polls=3),
    row("job", "never", FINAL, (504,), slow=True),
    row("job", "error", FINAL, (502,), code="INTERNAL_FAILURE"),
    row("job", "error", FINAL, (422,), code="PDF_IS_PROTECTED"),
    row("job", "error", FINAL, (422,), code="PDF_IS_BROKEN"),
    row("job", "error", FINAL, (422,), code="NO_DATA_FOUND_IN_FILE"),
    row("job", "error", FINAL, (422,), code="UNSUPPORTED_FILE_TYPE"),
    row("job", "expired", Kind("expired", more=1, breaker="open", budgeted=False), (504,), times=1),
    row("job", "cancelled", FINAL),
    row("job", "cancelled", FINAL, code="CANCELED"),
    row("job", "lost", FINAL),
    row("job", "odd-status", FINE, code="DREAMING"),
    row("job", "no-markdown", FINE),
    row("job", "no-text", FINAL, (422, 502)),
)

# Fields that the server sends to models of this kind: refused, left out and remembered.
FIELDS = ("response_format", "reasoning_effort", "stream_options", "stream")


def chat(name):
    yield from answers(name, empty={"kind": RETRIED})  # a stream that ends before it begins
    yield row(name, "quota", FATAL)
    yield row(name, "billing", FATAL)
    yield row(name, "context-length", ADAPTED, times=1)
    yield row(name, "moderation", FINAL)
    yield row(name, "content-policy", FINAL)
    for fault in ("no-done", "sse-crlf", "sse-cr", "sse-comments", "stream-ignored", "fenced",
                  "prose", "think", "trailing-comma", "trait-range", "no-usage", "error-null",
                  "wrong-names", "more-scenes"):
        yield row(name, fault, FINE)
    yield row(name, "sse-error", RETRIED)
    for fault in ("length", "empty-content", "not-json"):
        yield row(name, fault, LIMITED, times=1)
    for fault in ("content-filter", "refusal"):
        yield row(name, fault, FINAL)
    yield row(name, "missing-array", LIMITED, times=1)
    yield row(name, "model-not-found", LEARNED, model="gpt-6-luna", last=True, times=-1)
    for fault in ("unknown-parameter", "unsupported-parameter", "unsupported-value",
                  "uncoded-parameter"):
        for field in FIELDS:
            # In a sentence, "stream" may be anything.
            known = (fault, field) != ("uncoded-parameter", "stream")
            yield row(name, fault, LEARNED if known else FINAL, param=field, last=known, times=-1)
    yield row(name, "bad-schema", LEARNED, last=True, times=-1)
    yield row(name, "no-json-schema", LEARNED, last=True, times=-1)


CHAT = (*chat("analysis"), *chat("scenes"),
        row("scenes", "fewer-scenes", LIMITED, times=1))

TWICE = dataclasses.replace(LIMITED, budgeted=False)  # a picture that was made is not given up
PICTURES = (
    *answers("images", status_501={"kind": OFF, "times": 1, "last": True},
             not_found={"kind": OFF, "times": 1, "last": True}),
    row("images", "quota", FATAL),
    row("images", "billing", FATAL),
    row("images", "moderation", ADAPTED, times=1),
    row("images", "content-policy", ADAPTED, times=1),
    row("images", "no-usage", FINE),
    row("images", "url", FINE),
    row("images", "url-expired", FINAL),
    row("images", "url-redirect", FINAL),
    row("images", "no-picture", LIMITED, times=1),
    row("images", "bad-base64", LIMITED, times=1),
    row("images", "not-an-image", LIMITED, times=1),
    row("images", "model-not-found", LEARNED, model="gpt-image-2", last=True, times=-1),
    row("images", "unknown-parameter", LEARNED, param="quality", last=True, times=-1),
    row("images", "uncoded-parameter", LEARNED, param="output_format", last=True, times=-1),
    *(dataclasses.replace(each, times=1, first=(("images", "url"),), kind=(
        # We do not go where a stranger sends us, and so there is nothing to try again.
        FINE if each.kind is FINE else FINAL if each.fault == "redirect" else TWICE))
      for each in answers("download")),
    row("download", "not-an-image", TWICE, times=1, first=(("images", "url"),)),
)
