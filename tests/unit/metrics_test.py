#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""GET /metrics, as a parser of OpenMetrics reads it: what is told, of whom, to whom.

The parser is that of the Prometheus project's Python client, in its strict form.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))

# pylint: disable=wrong-import-position
from prometheus_client.openmetrics import parser  # noqa: E402

from front import Front  # noqa: E402
from ktap import check, equal, finish  # noqa: E402

TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
FAMILIES = {
    "pvkit_build": ("info", ""),
    "pvkit_agent_present": ("gauge", ""),
    "pvkit_containers": ("gauge", ""),
    "pvkit_kernel_requests": ("gauge", ""),
    "pvkit_drivers": ("gauge", ""),
    "pvkit_driver_state": ("stateset", ""),
    "pvkit_driver_users": ("gauge", ""),
    "pvkit_driver_loads": ("counter", ""),
    "pvkit_driver_unloads": ("counter", ""),
    "pvkit_driver_failures": ("counter", ""),
    "pvkit_driver_last_load_seconds": ("gauge", "seconds"),
    "pvkit_driver_last_unload_seconds": ("gauge", "seconds"),
    "pvkit_union_level": ("stateset", ""),
    "pvkit_union_size_bytes": ("gauge", "bytes"),
    "pvkit_union_used_bytes": ("gauge", "bytes"),
    "pvkit_union_inodes": ("gauge", ""),
    "pvkit_union_used_inodes": ("gauge", ""),
    "pvkit_http_requests": ("counter", ""),
    "pvkit_http_connections": ("gauge", ""),
    "pvkit_http_event_streams": ("gauge", ""),
    "pvkit_http_calls": ("gauge", ""),
}


def scrape(front, who="host"):
    """What the parser makes of it: a dictionary of families."""
    text = front.ask(who, "GET", "/metrics").body.decode()
    return {f.name: f for f in parser.text_string_to_metric_families(text)}


def value(families, family, sample=None, **labels):
    """Of the sample with these labels; None if there is none."""
    for found in families[family].samples:
        if found.name == (sample or family) and found.labels == labels:
            return found.value
    return None


def requests(families, endpoint, method, status):
    """How many of them have been answered so."""
    return value(families, "pvkit_http_requests", "pvkit_http_requests_total",
                 method=method, endpoint=endpoint, status=status)


def test_form(front):
    """Its type, and that it is whole."""
    answer = front.ask("host", "GET", "/metrics")
    equal(answer.status, 200, "the host may read it")
    equal(answer.headers["content-type"], TYPE, "the media type")
    check(answer.body.endswith(b"\n# EOF\n"), "the end is marked", got=answer.body[-50:])
    families = scrape(front)
    equal(set(families), set(FAMILIES), "the families")
    for name, (kind, unit) in FAMILIES.items():
        family = families[name]
        equal((family.type, family.unit), (kind, unit), f"type and unit of {name}")
        check(family.documentation.endswith("."), f"{name} says what it is",
              got=family.documentation)


def test_kernel(front):
    """What the kernel says of drivers and of itself."""
    families = scrape(front)
    equal(value(families, "pvkit_agent_present"), 1, "there is a loader")
    equal(value(families, "pvkit_containers"), 9, "containers")
    equal(value(families, "pvkit_kernel_requests"), 2, "requests in the kernel")
    equal(value(families, "pvkit_drivers", state="failed"), 1, "drivers that have failed")
    equal(value(families, "pvkit_driver_state", driver="good", pvkit_driver_state="loaded"), 1,
          "a driver's state")
    equal(value(families, "pvkit_driver_state", driver="good", pvkit_driver_state="failed"), 0,
          "and what it is not")
    equal(value(families, "pvkit_driver_users", driver="good"), 1, "its users")
    for name, want in (("loads", 3), ("unloads", 2), ("failures", 1)):
        equal(value(families, f"pvkit_driver_{name}", f"pvkit_driver_{name}_total",
                    driver="good"), want, f"its {name}")
    equal(value(families, "pvkit_driver_last_load_seconds", driver="good"), 1.234567,
          "how long it took")
    equal(value(families, "pvkit_driver_last_unload_seconds", driver="good"), 0.000089,
          "and when it went")


def test_http(front):
    """What the front counts itself."""
    before = requests(scrape(front), "/drivers/{name}/load", "PUT", "200") or 0
    front.ask("host", "PUT", "/drivers/good/load")
    front.ask("host", "PUT", "/drivers/good/load")
    front.ask("host", "PUT", "/drivers/late/load")
    front.ask("host", "GET", "/no%22%0Awhere")
    for at in range(50):
        front.ask("host", "GET", f"/nowhere/{at}")
        front.ask("host", "GET", f"/drivers/x{at}")
    stream, _ = front.listen("host", "/drivers/events", 1)
    families = scrape(front)
    equal(requests(families, "/drivers/{name}/load", "PUT", "200"), before + 2, "loads")
    equal(requests(families, "/drivers/{name}/load", "PUT", "504"), 1, "a load in vain")
    equal(requests(families, "/drivers/{name}", "GET", "404"), 50,
          "names that do not exist have no row of their own")
    check(requests(families, "other", "other", "400") >= 50, "nor have unknown paths")
    equal(value(families, "pvkit_http_event_streams"), 1, "who listens to events")
    check(value(families, "pvkit_http_connections") >= 1, "who asks for this is connected")
    waiting = front.connect("host")
    waiting.request("PUT", "/drivers/good/load?wait=device&timeout=5")
    for _ in range(100):
        families = scrape(front)
        if value(families, "pvkit_http_calls", waits_for="device"):
            break
    equal(value(families, "pvkit_http_calls", waits_for="device"), 1, "who waits for a device")
    equal(value(families, "pvkit_http_calls", waits_for="outcome"), 0, "and nobody else")
    waiting.close()
    stream.close()


def test_union(front):
    """The RAM over the root: the level as it was told, the numbers as they are."""
    families = scrape(front)
    equal(value(families, "pvkit_union_level", pvkit_union_level="warning"), 1, "its level")
    equal(value(families, "pvkit_union_level", pvkit_union_level="ok"), 0, "and what it is not")
    size = value(families, "pvkit_union_size_bytes")
    fs = os.statvfs(front.dir)
    equal(size, fs.f_blocks * fs.f_frsize, "how large it is")
    check(0 < value(families, "pvkit_union_used_bytes") <= size, "how much is used")
    equal(value(families, "pvkit_union_inodes"), fs.f_files, "and of inodes")
    families = scrape(front, "flagless")
    check(not [name for name in families if name.startswith("pvkit_union")],
          "where there is no union nothing is told of it", got=sorted(families))


def test_a_kernel_that_keeps_its_status_to_itself(front):
    """What is not known is left out, and the rest is told."""
    families = scrape(front, "mgmt")
    hidden = {"pvkit_agent_present", "pvkit_containers", "pvkit_kernel_requests"}
    equal(set(families), set(FAMILIES) - hidden, "three families are missing, no other")
    equal(value(families, "pvkit_drivers", state="failed"), 1, "drivers are counted all the same")


def test_rights(front):
    """Who may read it."""
    equal(front.ask("mgmt", "GET", "/metrics").status, 200, "a container with the role mgmt")
    for who in "plain", "stranger":
        answer = front.ask(who, "GET", "/metrics")
        equal(answer.status, 403, f"not: {who}")
        equal(answer.headers["content-type"], "application/json", "an error is JSON")
    equal(front.ask("broken", "GET", "/metrics").status, 500, "without a kernel")


def main():
    """All of it, on one server."""
    with Front() as front:
        test_form(front)
        test_kernel(front)
        test_http(front)
        test_union(front)
        test_a_kernel_that_keeps_its_status_to_itself(front)
        test_rights(front)
        equal(front.end(), 0, "the server ends without a complaint of the sanitizers")
    finish()


main()
