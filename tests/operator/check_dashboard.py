"""The chart's dashboard asks for metrics that the operator has, with labels that they have."""

import json
import re

from checkout import REPOSITORY
from waiting import wait_for

DASHBOARD = REPOSITORY / "helm" / "parallelrun" / "files" / "dashboard.json"
OF_PROMETHEUS = {"job"}  # labels that the scrape adds


def samples(page):
    """The labels of one sample of each name."""
    found = re.findall(r"^([a-z_]+)(?:\{(.*)\})? [^ ]+$", page, re.M)
    return {name: set(re.findall(r'([a-z_]+)="', labels)) for name, labels in found}


def selectors(expression):
    """Names of metrics with the labels that the expression wants of them."""
    grouped = {label for found in re.findall(r"by \(([^)]*)\)", expression) for label in found.split(", ")}
    for name, matchers in re.findall(r"([a-z_]+)\{([^}]*)\}", expression):
        yield name, (set(re.findall(r"([a-z_]+)=", matchers)) | grouped) - OF_PROMETHEUS


def check_the_dashboard_asks_for_what_there_is(operator, world):
    world.submit("digits", workers=1)
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    world.run_pods("digits")
    world.complete("digits")
    world.awaits("digits", "Complete")
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    asked = [(name, labels) for one in expressions for name, labels in selectors(one)]
    assert len(asked) >= len(expressions) > 10

    def missing():
        there = samples(operator.page("/metrics"))
        return [one for one in asked if one[0] not in there or not one[1] <= there[one[0]]]

    wait_for(lambda: not missing(), lambda: f"not of the operator: {missing()}")
