# SPDX-License-Identifier: MIT
"""junit.py FILE: a JUnit report, held against what its readers ask for, in short.

The rules are those that the schemas in use agree on (Jenkins, GitLab, Ant): which
elements stand in which, which attributes must be there, and counts that are right.
Prints a line for each element; ends with status 1 at the first thing that is wrong.
"""
import sys
import xml.etree.ElementTree

CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "system-out"},
    "failure": set(),
    "system-out": set(),
}
NEEDED = {
    "testsuites": {"tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "system-out": set(),
}
MORE = {
    "testsuites": {"name", "time"},
    "testcase": {"file", "line"},
}


def wrong(what):
    print("junit: " + what)
    sys.exit(1)


def hold(element):
    tag = element.tag
    if tag not in CHILDREN:
        wrong(f"element {tag}")
    given = set(element.attrib)
    if not NEEDED[tag] <= given <= NEEDED[tag] | MORE.get(tag, set()):
        wrong(f"{tag} has attributes {sorted(given)}")
    order = [child.tag for child in element]
    if not set(order) <= CHILDREN[tag] or order != sorted(order):
        wrong(f"{tag} holds {order}")
    for child in element:
        hold(child)


def count(element):
    cases = element.findall(".//testcase")
    failed = [case for case in cases if case.find("failure") is not None]
    if (int(element.get("tests")), int(element.get("failures"))) != (len(cases), len(failed)):
        wrong(f"{element.tag} {element.get('name')} counts wrong")
    return len(cases), len(failed)


def main():
    root = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
    if root.tag != "testsuites":
        wrong(f"the root is {root.tag}")
    hold(root)
    print("suites %d %d" % count(root))
    for suite in root:
        print("suite %s %d %d" % (("/".join(suite.get("name").split("/")[-2:])
                                   .replace("bsp/", ""),) + count(suite)))
        for case in suite:
            failure = case.find("failure")
            print("case", case.get("name"),
                  0 if failure is None else "1 " + failure.get("type"))


main()
