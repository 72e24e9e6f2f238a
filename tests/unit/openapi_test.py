#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Documentation/openapi.yaml and the front say the same.

Given the front over a made-up kernel, each operation is asked in each status that the file
promises. An answer that is not as the file says, or that it does not know, is a failure, and
so is one that it promises and that never came.
"""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))

# pylint: disable=wrong-import-position
import jsonschema  # noqa: E402
import yaml  # noqa: E402

from front import TOP, Front  # noqa: E402
from ktap import check, equal, finish  # noqa: E402

SPEC = os.path.join(TOP, "Documentation/openapi.yaml")
# OpenAPI's own schema of 3.0, of the Debian package openapi-specification.
META = "/usr/share/openapi-specification/schemas/v3.0/schema.json"

LOADS = "/drivers/load", "/drivers/unload", "/drivers/{name}/load", "/drivers/{name}/unload"
STORES = "/user-meta", "/device-meta"
FLAGS = '{"mode":"ota"}'
LARGE = "x" * (64 * 1024 + 1)


def as_json_schema(node):
    """OpenAPI 3.0's nullable, in the words of JSON Schema."""
    if isinstance(node, dict):
        node = {key: as_json_schema(value) for key, value in node.items()}
        if node.pop("nullable", False):
            node["type"] = [node["type"], "null"]
    elif isinstance(node, list):
        node = [as_json_schema(value) for value in node]
    return node


class Spec:
    """The file, and what of it has been seen."""

    def __init__(self):
        with open(SPEC, encoding="utf-8") as file:
            self.text = yaml.safe_load(file)
        self.schemas = as_json_schema(self.text)
        self.seen = set()

    def resolve(self, node):
        """Follows a reference."""
        while "$ref" in node:
            target = self.text
            for part in node["$ref"].split("/")[1:]:
                target = target[part]
            node = target
        return node

    def faults(self, schema, value):
        """What is wrong with a value, or an empty text."""
        validator = jsonschema.Draft4Validator(
            as_json_schema(schema),
            resolver=jsonschema.RefResolver("", self.schemas),
            format_checker=jsonschema.FormatChecker())
        return "; ".join(e.message for e in validator.iter_errors(value))

    def operations(self):
        """Each (path, method, operation)."""
        for path, item in self.text["paths"].items():
            for method in "get", "put", "delete":
                if method in item:
                    yield path, method.upper(), item[method]

    def promised(self):
        """Each (path, method, status)."""
        return {(path, method, int(status)) for path, method, operation in self.operations()
                for status in operation["responses"]}

    def fault_of(self, path, method, answer):
        """What is wrong with the answer, or an empty text."""
        responses = self.text["paths"].get(path, {}).get(method.lower(), {}).get("responses", {})
        if str(answer.status) not in responses:
            return f"{answer.status} is not in the file: {answer}"
        response = self.resolve(responses[str(answer.status)])
        self.seen.add((path, method, answer.status))
        if "date" not in answer.headers:
            return "no Date"
        content = response.get("content")
        if not content:
            return f"a body: {answer}" if answer.body else ""
        kind = answer.headers.get("content-type", "").split(";")[0]
        if kind not in content:
            return f"the type {kind} is not in the file"
        return self.fault_of_body(kind, content[kind], answer)

    def fault_of_body(self, kind, media, answer):
        """The same, of a body of that media type."""
        text = answer.body.decode("utf-8")
        if kind == "text/event-stream":
            return "; ".join(filter(None, (
                self.faults(media["x-data"], json.loads(data))
                for data in re.findall("^data: (.*)$", text, re.M)))) or (
                    "" if "data: " in text else "no event")
        if int(answer.headers.get("content-length", -1)) != len(answer.body):
            return f"Content-Length does not hold: {answer}"
        if kind != "application/json":
            return self.faults(media["schema"], text)
        value = json.loads(text)
        # three decimals are three decimals
        shortest = re.sub(r'"(?:[^"\\]|\\.)*"|\d+\.\d+',
                          lambda at: at[0] if at[0][0] == '"' else repr(float(at[0])), text)
        if json.dumps(value, separators=(",", ":"), ensure_ascii=False) != shortest:
            return f"the JSON is not compact: {text}"
        return self.faults(media["schema"], value)


def test_the_file(spec):
    """That it is what it says to be."""
    with open(META, encoding="utf-8") as file:
        meta = json.load(file)
    faults = [f"{list(e.absolute_path)}: {e.message}" for e in
              jsonschema.Draft4Validator(meta).iter_errors(spec.text)]
    check(not faults, "the file is OpenAPI 3.0", "no fault", "\n".join(faults))
    ids = [operation["operationId"] for _, _, operation in spec.operations()]
    equal(len(set(ids)), len(ids), "each operation has an id of its own")
    for path, method, operation in spec.operations():
        for status, response in operation["responses"].items():
            for kind, media in spec.resolve(response).get("content", {}).items():
                examples = [e["value"] for e in media.get("examples", {}).values()]
                if "example" in media:
                    examples.append(media["example"])
                fault = "; ".join(spec.faults(media["schema"], e) for e in examples)
                check(examples and not fault.strip("; "),
                      f"the examples of {method} {path} {status} {kind} are valid",
                      "examples without a fault", fault or "no example")


def routes_of_the_server():
    """Each (path, method) in the table of http.c."""
    with open(os.path.join(TOP, "user/daemon/http.c"), encoding="utf-8") as file:
        text = file.read()
    for segments, method in re.findall(
            r"^\t\{ \{ (.*) \}, \d, EVHTTP_REQ_(\w+), \w+ \},$", text, re.M):
        segments = [s.strip().strip('"') for s in segments.split(",")]
        name = {"drivers": "{name}", "bootflags": "{store}"}.get(segments[0], "{key}")
        yield "/" + "/".join(name if s == "ANY" else s for s in segments), method


def test_the_routes(spec):
    """That no endpoint is missing, and none is made up."""
    equal(sorted(routes_of_the_server()), sorted((p, m) for p, m, _ in spec.operations()),
          "the file has the routes that the server has")


class Client:
    """Asks, and compares what comes with the file."""

    def __init__(self, spec, front):
        self.spec = spec
        self.front = front

    def ask(self, want, who, method, path, query="", body=None, headers=None, **values):
        """One request: a result. The path is that of the file, with {}."""
        uri = path.format(**values) + query
        answer = self.front.ask(who, method, uri, body, headers)
        fault = self.spec.fault_of(path, method, answer)
        if not fault and answer.status != want:
            fault = f"status {answer.status}: {answer}"
        check(not fault, f"{want} {method} {uri} of {who}", f"{want}, as the file says", fault)


def test_every_operation(spec, client):
    """What goes wrong everywhere in the same way."""
    for path, method, operation in spec.operations():
        body = "v" if method == "PUT" else None
        if body and path.startswith("/bootflags"):
            body = FLAGS
        if body and path.startswith("/control"):
            body = "{}"
        name = {"name": "good", "key": "k", "store": "good"}
        client.ask(403, "stranger", method, path, body=body, **name)
        client.ask(400, "mgmt", method, path, body="v", headers={"Content-Length": "x"}, **name)
        if "500" in operation["responses"]:
            client.ask(500, "broken", method, path, body=body, **name)
        if method == "PUT":
            client.ask(417, "mgmt", method, path, body="v", headers={"Expect": "tea"}, **name)


def test_drivers(client):
    """Lists and single drivers."""
    for who in "host", "mgmt", "plain", "none":
        client.ask(200, who, "GET", "/drivers")
    client.ask(200, "host", "GET", "/drivers", "?all=1")
    client.ask(400, "host", "GET", "/drivers", "?all=yes")
    for who, name in (("host", "failed"), ("host", "good"), ("mgmt", "failed"), ("mgmt", "good"),
                      ("plain", "good")):
        client.ask(200, who, "GET", "/drivers/{name}", name=name)
    client.ask(403, "plain", "GET", "/drivers/{name}", name="failed")
    client.ask(403, "mgmt", "GET", "/drivers/{name}", name="nowhere")
    client.ask(404, "mgmt", "GET", "/drivers/{name}", name="gone")
    client.ask(404, "host", "GET", "/drivers/{name}", name="nowhere")


def test_loads(client):
    """Loads and unloads: by name as the container that names all, else as one that names one."""
    for path in LOADS:
        for want, name in ((200, "good"), (400, "failed"), (404, "gone"), (409, "required"),
                           (503, "full"), (504, "late")):
            client.ask(want, "mgmt" if "{name}" in path else name.replace("good", "plain"),
                       "PUT", path, name=name)
        client.ask(202, "plain", "PUT", path, "?async=1", name="good")
        client.ask(200, "plain", "PUT", path, "?timeout=3600&else=1", name="good")
        client.ask(413, "mgmt", "PUT", path, body=LARGE, name="good")
        for query in "async=maybe", "timeout=0.5", "timeout=0", "wait=disk":
            client.ask(400, "plain", "PUT", path, f"?{query}", name="good")
    for path in LOADS[0], LOADS[2]:
        client.ask(504, "plain", "PUT", path, "?wait=device&timeout=1", name="good")
        client.ask(504, "plain", "PUT", path, "?wait=netdev&timeout=1", name="good")
        client.ask(409, "vanishing", "PUT", path, "?wait=device", name="vanishing")
        client.ask(400, "plain", "PUT", path, "?wait=device&async=1", name="good")
    client.ask(403, "plain", "PUT", "/drivers/{name}/load", name="failed")


def test_metadata(client):
    """Both stores."""
    for store in STORES:
        key = store + "/{key}"
        client.ask(200, "mgmt", "GET", store)
        client.ask(200, "mgmt", "PUT", key, body="v \"1\" é", key="drivers.k")
        client.ask(200, "mgmt", "PUT", key, body=b"\xff\x00\x01", key="bytes")
        client.ask(200, "host", "GET", store)
        client.ask(200, "plain", "GET", store)
        client.ask(403, "plain", "PUT", key, body="v", key="k")
        client.ask(403, "plain", "DELETE", key, key="k")
        client.ask(400, "mgmt", "PUT", key, body="", key="k")
        client.ask(400, "mgmt", "PUT", key, body="v", key="..%2Fk")
        client.ask(400, "mgmt", "DELETE", key, key="..%2Fk")
        client.ask(507, "mgmt", "PUT", key, body="v" * 4097, key="k")
        client.ask(507, "mgmt", "PUT", key, body=LARGE, key="k")
        client.ask(200, "host", "DELETE", key, key="drivers.k")
        client.ask(404, "host", "DELETE", key, key="drivers.k")


def test_stalled_disk(client):
    """As many requests for metadata as a container may have wait for the disk; one more."""
    stalled = os.path.join(client.front.dir, "stalled")
    with open(stalled, "w", encoding="ascii"):
        pass
    waiting = [client.front.connect("mgmt") for _ in range(16)]
    for connection in waiting:
        connection.request("PUT", "/user-meta/k", body="v")
    client.ask(200, "mgmt", "GET", "/drivers")
    for store in STORES:
        client.ask(503, "mgmt", "GET", store)
        client.ask(503, "mgmt", "PUT", store + "/{key}", body="v", key="k")
        client.ask(503, "mgmt", "DELETE", store + "/{key}", key="k")
    os.unlink(stalled)
    for at, connection in enumerate(waiting):
        equal(connection.getresponse().status, 200, f"write {at} is done when the disk goes on")
        connection.close()


def test_bootflags(client):
    """What the next boot is told."""
    one = "/bootflags/{store}"
    for who in "host", "mgmt":
        client.ask(200, who, "GET", "/bootflags")
        client.ask(200, who, "GET", one, store="good")
        client.ask(200, who, "PUT", one, body='{"mode":"ota","slot":"b","tries":3,"cursor":null}',
                   store="good")
        client.ask(200, who, "GET", one, store="good")
        client.ask(200, who, "DELETE", one, store="good")
    client.ask(403, "plain", "GET", "/bootflags")
    client.ask(503, "flagless", "GET", "/bootflags")
    for method in "GET", "PUT", "DELETE":
        body = FLAGS if method == "PUT" else None
        client.ask(403, "plain", method, one, body=body, store="good")
        client.ask(404, "mgmt", method, one, body=body, store="nowhere")
        client.ask(404, "mgmt", method, one, body=body, store="no%20name")
        client.ask(503, "flagless", method, one, body=body, store="good")
    for method in "PUT", "DELETE":
        body = FLAGS if method == "PUT" else None
        client.ask(400, "mgmt", method, one, "?generation=x", body=body, store="good")
        client.ask(409, "mgmt", method, one, "?generation=1", body=body, store="good")
        for want, store in ((400, "bare"), (409, "foreign"), (429, "limited"), (500, "failed"),
                            (503, "absent"), (504, "late"), (507, "small")):
            client.ask(want, "host", method, one, body=body, store=store)
    for body in ("", "{}", "[]", "mode=ota", '{"mode":"a/b"}', '{"colour":1}', '{"slot":4}',
                 '{"mode":"ota","mode":"ota"}', " " * 4097):
        client.ask(400, "mgmt", "PUT", one, body=body, store="good")
    client.ask(413, "mgmt", "PUT", one, body=LARGE, store="good")


def test_union(spec, front, client):
    """The RAM over a read-only root: how it is, and each change of its level."""
    for who in "host", "mgmt":
        client.ask(200, who, "GET", "/union")
    for path in "/union", "/union/events":
        client.ask(403, "plain", "GET", path)
        client.ask(404, "flagless", "GET", path)
    level = json.loads(front.ask("host", "GET", "/union").body)
    fs = os.statvfs(front.dir)
    equal((level["level"], level["size"]), ("warning", fs.f_blocks * fs.f_frsize),
          "the level as it was told, the size as it is")
    streams = []
    for at in range(8):
        stream, answer = front.listen("mgmt", "/union/events", 1)
        streams.append(stream)
        fault = spec.fault_of("/union/events", "GET", answer)
        check(not fault, f"stream {at} begins with the level", "as the file says", fault)
    client.ask(503, "mgmt", "GET", "/union/events")
    front.level("critical", 3)
    got = b""
    while b"\n\n" not in got:
        got += streams[7].read1()
    check(got.startswith(b'event: level\nid: 3\ndata: {"level":"critical",'),
          "a change is told as it happens", "an event", got)
    equal(json.loads(front.ask("host", "GET", "/union").body)["level"], "critical",
          "and is what is so from then on")
    stream, answer = front.listen("host", "/union/events", 1)
    check(answer.body.startswith(b"event: level\nid: 3\n"),
          "who comes later begins with it", "the level critical", answer.body)
    for stream in [stream] + streams:
        stream.close()


def test_control(client):
    """Verbs for the machine."""
    reboot, blink, ping = "/control/reboot", "/control/blink", "/control/ping"
    for want, mode in ((409, "unheard-of"), (400, "bare"), (409, "foreign"), (429, "limited"),
                       (500, "failed"), (503, "absent"), (504, "late"), (507, "small")):
        client.ask(want, "host", "PUT", reboot, body=f'{{"mode":"{mode}"}}')
    for who in "host", "mgmt":
        client.ask(202, who, "PUT", reboot, body='{"mode":"recovery"}')
        # a mode is not set for somebody who comes too late
        client.ask(409, who, "PUT", reboot, body='{"mode":"ota"}')
        client.ask(202, who, "PUT", reboot)
        client.ask(202, who, "PUT", reboot, "?timeout=5",
                   body='{"mode":"recovery","force":true,"timeout":600}')
        client.ask(200, who, "PUT", blink)
        client.ask(200, who, "PUT", blink, body='{"on":true,"led":"input3::caps","seconds":3600}')
        client.ask(200, who, "PUT", blink, body='{"on":false,"led":null}')
        client.ask(200, who, "GET", ping)
    for path in reboot, blink:
        client.ask(403, "plain", "PUT", path)
        client.ask(503, "flagless", "PUT", path)
        client.ask(413, "mgmt", "PUT", path, body=LARGE)
        for body in ("[]", "on", "null", '{"colour":1}', '{"on":1,"force":1}', '{"timeout":0}',
                     '{"seconds":0}', " " * 1025, '{"force":true,"force":true}'):
            client.ask(400, "mgmt", "PUT", path, body=body)
    client.ask(403, "plain", "GET", ping)
    for mode in "a/b", "-f", "..", "", "a b", "m" * 32, "é", "a\\u0000b", "a\\nb":
        client.ask(400, "host", "PUT", reboot, body=f'{{"mode":"{mode}"}}')
    for limit in "0", "601", "-1", "1.5", "1e1", '"9"', "18446744073709551617", "null":
        client.ask(400, "host", "PUT", reboot, body=f'{{"timeout":{limit}}}')
    for limit in "0", "601", "-1", "x", "", "4294967297", "5s":
        client.ask(400, "host", "PUT", reboot, f"?timeout={limit}")
    for led in "../../kernel", ".", "..", "", "a/trigger", "l" * 64, "a\\u0000", "a\\n", "ü":
        client.ask(400, "host", "PUT", blink, body=f'{{"led":"{led}"}}')
    client.ask(400, "host", "PUT", blink, body='{"seconds":3601}')
    client.ask(409, "host", "PUT", reboot, body='{"mode":"twice","force":true}')
    client.ask(404, "host", "PUT", blink, body='{"led":"nowhere"}')
    client.ask(504, "host", "PUT", reboot, body='{"mode":"late","force":true}')
    client.ask(504, "host", "PUT", blink, body='{"led":"late"}')


def test_metrics(client):
    """Their content is metrics_test.py's matter."""
    client.ask(200, "host", "GET", "/metrics")
    client.ask(200, "mgmt", "GET", "/metrics")
    client.ask(403, "plain", "GET", "/metrics")


def test_events(spec, front, client):
    """A stream has no end, so only its beginning is looked at; then there are too many."""
    streams = []
    for at in range(8):
        stream, answer = front.listen("mgmt", "/drivers/events", 2)
        streams.append(stream)
        fault = spec.fault_of("/drivers/events", "GET", answer)
        check(not fault, f"stream {at} begins with the states", "as the file says", fault)
    client.ask(503, "mgmt", "GET", "/drivers/events")
    stream, answer = front.listen("plain", "/drivers/events?driver=good", 1)
    streams.append(stream)
    check(answer.body.startswith(b"event: state\n"), "of one driver", got=answer)
    client.ask(404, "mgmt", "GET", "/drivers/events", "?driver=gone")
    client.ask(403, "plain", "GET", "/drivers/events", "?driver=failed")
    for stream in streams:
        stream.close()


def test_what_is_not_in_the_file(front):
    """Unknown paths and methods."""
    for method, path in (("GET", "/nowhere"), ("GET", "/"), ("POST", "/drivers"),
                         ("DELETE", "/drivers/good"), ("OPTIONS", "/metrics")):
        answer = front.ask("mgmt", method, path)
        equal(answer.status, 400, f"{method} {path} is refused")
        equal(list(json.loads(answer.body)), ["Error"], f"{method} {path} says why")


def test_nothing_was_made_up(spec):
    """Each promise of the file has been kept once."""
    for path, method, status in sorted(spec.promised()):
        check((path, method, status) in spec.seen, f"{status} of {method} {path} was seen",
              "such an answer", "none")


def main():
    """All of it, on one server."""
    spec = Spec()
    test_the_file(spec)
    test_the_routes(spec)
    with Front() as front:
        client = Client(spec, front)
        test_every_operation(spec, client)
        test_drivers(client)
        test_loads(client)
        test_metadata(client)
        test_stalled_disk(client)
        test_bootflags(client)
        test_union(spec, front, client)
        test_control(client)
        test_metrics(client)
        test_events(spec, front, client)
        test_what_is_not_in_the_file(front)
        equal(front.end(), 0, "the server ends without a complaint of the sanitizers")
    test_nothing_was_made_up(spec)
    finish()


main()
