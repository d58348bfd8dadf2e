"""NetworkPolicy objects as rules of the nodes' packet filters, for clusters whose network does not enforce them.

Of the API only as much as our own policies and a default deny need; anything else is an error, not ignored. Unlike a
network plug-in it looks at every packet of the direction in which a connection was opened, so that a connection which
was there before a policy has to be allowed by it too.
"""

import ipaddress
import json
import threading

CHAIN = "NETPOL"
POLL_SECONDS = 0.3


class Unsupported(Exception):
    pass


def only(found, *members):
    """The object, if it has no other members than these."""
    if extra := set(found) - set(members):
        raise Unsupported(f"{sorted(extra)} in {found}")
    return found


def selects(selector, labels):
    wanted = only(selector, "matchLabels").get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items())


class World:
    """What of the cluster policies are about."""

    def __init__(self, pods, namespaces, policies):
        self.namespaces = {
            each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in namespaces
        }
        self.policies = policies
        self.pods = [
            pod
            for pod in pods
            if pod["status"].get("podIPs")
            and pod["status"]["phase"] in ("Pending", "Running")
            and not pod["spec"].get("hostNetwork")
        ]

    def policies_of(self, pod, direction):
        return [
            policy
            for policy in self.policies
            if policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and direction in policy["spec"]["policyTypes"]
            and selects(policy["spec"]["podSelector"], pod["metadata"].get("labels", {}))
        ]

    def of_peer(self, peer, namespace):
        """Pods of a peer that selects any."""
        only(peer, "podSelector", "namespaceSelector")
        for pod in self.pods:
            place = pod["metadata"]["namespace"]
            inside = place == namespace
            if "namespaceSelector" in peer:
                inside = selects(peer["namespaceSelector"], self.namespaces[place])
            if inside and selects(peer.get("podSelector", {}), pod["metadata"].get("labels", {})):
                yield pod


def addresses(pod, version):
    for each in pod["status"]["podIPs"]:
        if ipaddress.ip_address(each["ip"]).version == version:
            yield each["ip"]


def number_of(port, pod):
    """Of a port that may be a name."""
    if isinstance(port, int):
        return port
    for container in pod["spec"]["containers"]:
        for each in container.get("ports", []):
            if each.get("name") == port:
                return each["containerPort"]
    return None


class Rules:
    """Input of iptables-restore for one node and one version of IP."""

    def __init__(self, world, node, version):
        self._world, self._version = world, version
        self._chains, self._lines = [CHAIN], [f"-A {CHAIN} -m conntrack --ctdir REPLY -j RETURN"]
        if version == 6:
            self._lines.append(f"-A {CHAIN} -p icmpv6 -j RETURN")  # how neighbours find each other
        for pod in world.pods:
            if pod["spec"].get("nodeName") == node:
                self._guard(pod, "Egress", "-s", "-d", "egress", "to")
                self._guard(pod, "Ingress", "-d", "-s", "ingress", "from")

    def _guard(self, pod, direction, own, other, member, peers):
        policies = self._world.policies_of(pod, direction)
        for address in addresses(pod, self._version) if policies else []:
            chain = f"{CHAIN}-{len(self._chains)}"
            self._chains.append(chain)
            self._lines.append(f"-A {CHAIN} {own} {address} -j {chain}")
            for policy in policies:
                for rule in policy["spec"].get(member, []):
                    self._allow(chain, pod, policy, only(rule, "ports", peers), direction, other, peers)
            self._lines.append(f"-A {chain} -j DROP")

    def _allow(self, chain, pod, policy, rule, direction, other, peers):
        for place, target in self._places(rule.get(peers), policy["metadata"]["namespace"]):
            # A named port is one of the pod that is reached.
            reached = pod if direction == "Ingress" else target
            for port in self._ports(rule.get("ports"), reached):
                self._lines.append(f"-A {chain} {f'{other} {place}' if place else ''} {port} -j RETURN")

    def _places(self, peers, namespace):
        """Addresses, and pods where they are of some; no address is any."""
        if not peers:
            yield "", None
        for peer in peers or []:
            if "ipBlock" in peer:
                yield only(only(peer, "ipBlock")["ipBlock"], "cidr")["cidr"], None
                continue
            for pod in self._world.of_peer(peer, namespace):
                for address in addresses(pod, self._version):
                    yield address, pod

    def _ports(self, ports, reached):
        if not ports:
            yield ""
        for each in ports or []:
            protocol = only(each, "port", "protocol").get("protocol", "TCP").lower()
            port = each["port"]
            if not isinstance(port, int) and reached is None:
                raise Unsupported(f"a name of a port without a pod: {each}")
            if (number := number_of(port, reached)) is not None:
                yield f"-p {protocol} --dport {number}"

    def text(self):
        chains = [f":{chain} - [0:0]" for chain in self._chains]
        return "\n".join(["*filter", *chains, *self._lines, "COMMIT", ""])


class Enforcement:
    """Keeps the packet filters of all nodes up to date, on a thread of its own."""

    def __init__(self, cluster, version):
        self._cluster, self._version = cluster, version
        self._program = {4: "iptables", 6: "ip6tables"}[version]
        self._nodes = [node["metadata"]["name"] for node in cluster.items("nodes")]
        self._applied = {}
        self._stop = threading.Event()
        self._rounds, self._changed = 0, threading.Condition()
        self._failure = None

    def __enter__(self):
        self._detach()  # what a killed run has left
        for node in self._nodes:
            self._on(
                node, f"{self._program}-restore", "--noflush", stdin=f"*filter\n:{CHAIN} - [0:0]\nCOMMIT\n"
            )
            for chain in ("FORWARD", "INPUT"):
                self._on(node, self._program, "-I", chain, "-j", CHAIN)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._detach()
        if self._failure:
            raise self._failure

    def settle(self):
        """Waits until what is in the API now is in the packet filters."""
        with self._changed:
            seen = self._rounds
            # One round may have read before.
            self._changed.wait_for(lambda: self._rounds >= seen + 2 or self._failure)
        if self._failure:
            raise self._failure

    def _detach(self):
        for node in self._nodes:
            for chain in ("FORWARD", "INPUT"):
                self._on(node, self._program, "-D", chain, "-j", CHAIN, check=False)

    def _on(self, node, *words, stdin=None, check=True):
        self._cluster.run("docker", "exec", "-i", node, *words, stdin=stdin, check=check)

    def _run(self):
        try:
            while not self._stop.wait(POLL_SECONDS):
                self._round()
                with self._changed:
                    self._rounds += 1
                    self._changed.notify_all()
        except Exception as failure:  # told by settle() or at the end
            with self._changed:
                self._failure = failure
                self._changed.notify_all()

    def _round(self):
        kinds = ("pods", "namespaces", "networkpolicies")
        found = self._cluster.kubectl("get", ",".join(kinds), "--all-namespaces", "-o", "json")
        of_kind = {"Pod": [], "Namespace": [], "NetworkPolicy": []}
        for item in json.loads(found)["items"]:
            of_kind[item["kind"]].append(item)
        world = World(of_kind["Pod"], of_kind["Namespace"], of_kind["NetworkPolicy"])
        for node in self._nodes:
            text = Rules(world, node, self._version).text()
            if self._applied.get(node) != text:
                self._on(node, f"{self._program}-restore", "--noflush", stdin=text)
                self._applied[node] = text
