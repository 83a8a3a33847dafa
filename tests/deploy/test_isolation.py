"""Compose and Kubernetes files keep the isolation table: who sees which credential and which folder."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
MANIFESTS: list[dict[str, Any]] = [
    document
    for path in sorted((ROOT / "deploy").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
VARIANTS = sorted((ROOT / "deploy" / "compose").glob("*.yml"))

OURS = ["web", "scribe", "migrate", "grader-cpu", "grader-gpu"]
GRADERS = ["grader-cpu", "grader-gpu"]
MAY_MOUNT = {
    "web": {"uploads": "rw", "public": "ro"},
    "scribe": {},
    "migrate": {},
    "grader-cpu": {"uploads": "ro", "public": "rw", "vault": "rw"},
    "grader-gpu": {"uploads": "ro", "public": "rw", "vault": "rw"},
}


def mounts(service: str) -> dict[str, str]:
    """Named volumes of a compose service and their modes."""
    found = {}
    for mount in COMPOSE["services"][service].get("volumes", []):
        name, _, mode = mount.split(":")
        found[name] = mode
    return found


@pytest.mark.parametrize("service", OURS)
def test_compose_mounts_only_what_the_table_permits(service: str):
    assert mounts(service) == MAY_MOUNT[service]


@pytest.mark.parametrize("service", OURS)
def test_compose_services_are_hardened(service: str):
    spec = COMPOSE["services"][service]
    assert spec["read_only"] is True
    assert spec["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in spec["security_opt"]
    assert "privileged" not in spec
    assert "docker.sock" not in str(spec)


@pytest.mark.parametrize("service", GRADERS)
def test_compose_graders_know_no_database(service: str):
    spec = COMPOSE["services"][service]
    assert not [name for name in spec["environment"] if "DATABASE" in name or "POSTGRES" in name]
    assert spec["networks"] == ["queue"]


@pytest.mark.parametrize("service", ["web", "scribe", "migrate"])
def test_compose_web_side_knows_no_vault(service: str):
    assert "ARENA_VAULT_URL" not in COMPOSE["services"][service]["environment"]


def test_the_database_is_on_a_network_without_graders_and_without_a_way_out():
    assert COMPOSE["services"]["postgres"]["networks"] == ["database"]
    assert COMPOSE["networks"]["database"]["internal"] is True
    assert COMPOSE["networks"]["queue"]["internal"] is True


def test_the_gpu_grader_is_optional_and_asks_for_a_device():
    spec = COMPOSE["services"]["grader-gpu"]
    assert spec["profiles"] == ["gpu"]
    assert spec["environment"]["ARENA_QUEUES"].startswith("grade-gpu")
    devices = spec["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]


@pytest.mark.parametrize("service", GRADERS)
def test_compose_graders_have_bounds_and_no_capability(service: str):
    spec = COMPOSE["services"][service]
    assert spec["user"] == "10001:10001"
    assert "cap_add" not in spec
    assert spec["pids_limit"] <= 1000
    assert spec["mem_limit"] == spec["memswap_limit"] == "${ARENA_GRADER_MEMORY:-8g}"
    assert spec["ipc"] == "private"
    (temporary,) = spec["tmpfs"]
    folder, _, options = temporary.partition(":")
    assert folder == "/tmp"  # noqa: S108 - inside the container
    assert {"noexec", "nosuid", "nodev", "size=2g"} <= set(options.split(","))
    assert not [key for key in ("devices", "pid", "network_mode", "userns_mode") if key in spec]


def test_what_compose_asks_of_the_environment_is_in_the_example():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in set(re.findall(r"\$\{([A-Z_]+)", text)):
        assert re.search(rf"^{name}=", example, re.MULTILINE), name


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.stem)
def test_variants_change_graders_only_and_open_nothing_else(path: Path):
    services = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    assert set(services) == set(GRADERS)
    for changed in services.values():
        assert set(changed) <= {"user", "cap_add", "security_opt", "runtime", "environment"}
        assert set(changed.get("cap_add", ())) <= {"SETUID", "SETGID", "SETPCAP", "KILL"}
        assert set(changed.get("environment", ())) <= {"ARENA_SANDBOX_OUTER"}
        for option in changed.get("security_opt", ()):
            name, _, value = option.partition(":")
            assert name in ("seccomp", "apparmor")
            assert value == "unconfined" if name == "apparmor" else (ROOT / value).is_file()


def test_the_profile_for_bubblewrap_permits_namespaces_and_not_what_reaches_the_kernel_beyond_them():
    profile = json.loads((ROOT / "deploy" / "compose" / "arena-userns.json").read_text(encoding="utf-8"))
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not {"SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"} & set(profile["architectures"])
    assert {rule["action"] for rule in profile["syscalls"]} == {"SCMP_ACT_ALLOW"}
    plain = {name for rule in profile["syscalls"] if "args" not in rule for name in rule["names"]}
    assert {"unshare", "clone", "mount", "umount2", "pivot_root", "sethostname"} <= plain
    assert {"execve", "openat", "futex", "seccomp", "landlock_restrict_self", "pidfd_send_signal"} <= plain
    assert not {"bpf", "keyctl", "add_key", "io_uring_setup", "kexec_load", "init_module", "perf_event_open"} & plain
    assert not {"ptrace", "process_vm_readv", "userfaultfd", "open_by_handle_at", "setns", "open_tree"} & plain
    families = {rule["args"][0]["value"] for rule in profile["syscalls"] if rule["names"] == ["socket"]}
    assert families == {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
    assert "socket" not in plain


def test_the_grader_image_has_bubblewrap_and_the_web_image_has_not():
    web, _, grader = (ROOT / "Dockerfile").read_text(encoding="utf-8").partition(" AS grader\n")
    assert "bubblewrap" in grader
    assert "bubblewrap" not in web


def test_every_target_and_volume_that_compose_names_exists():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for service in OURS:
        assert f" AS {COMPOSE['services'][service]['build']['target']}\n" in dockerfile
        assert set(mounts(service)) <= set(COMPOSE["volumes"])


def pods() -> dict[str, dict[str, Any]]:
    """Pod specs of the manifests by app name."""
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in MANIFESTS
        if document["kind"] in ("Deployment", "Job")
    }


def test_kubernetes_has_the_same_processes():
    assert sorted(pods()) == sorted(OURS)


@pytest.mark.parametrize("name", OURS)
def test_kubernetes_secrets_and_vault_follow_the_table(name: str):
    pod = pods()[name]
    container = pod["containers"][0]
    secret = container["envFrom"][0]["secretRef"]["name"]
    assert secret == ("arena-grader" if name in GRADERS else "arena-web")
    has_vault = any(volume["name"] == "vault" for volume in pod["volumes"])
    assert has_vault == (name in GRADERS)


@pytest.mark.parametrize("name", OURS)
def test_kubernetes_pods_are_hardened(name: str):
    pod = pods()[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    context = pod["containers"][0]["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", GRADERS)
def test_kubernetes_graders_get_the_least(name: str):
    pod = pods()[name]
    container = pod["containers"][0]
    assert pod["enableServiceLinks"] is False
    assert pod["hostUsers"] is False
    assert not [key for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace") if key in pod]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (name == "grader-gpu")
    for volume in pod["volumes"]:
        assert "hostPath" not in volume
        assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]


def test_graders_scale_on_the_queues_they_read():
    scaled = {d["metadata"]["name"]: d["spec"] for d in MANIFESTS if d["kind"] == "ScaledObject"}
    for name, queue in (("grader-cpu", "grade-cpu"), ("grader-gpu", "grade-gpu")):
        assert scaled[name]["triggers"][0]["metadata"]["listName"] == f"rq:queue:{queue}"
        environment = {e["name"]: e.get("value") for e in pods()[name]["containers"][0]["env"]}
        assert queue in str(environment["ARENA_QUEUES"])


def test_network_policy_keeps_graders_from_postgresql():
    policy = next(d for d in MANIFESTS if d["kind"] == "NetworkPolicy" and d["metadata"]["name"] == "graders")
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 6379, 443}
    assert policy["spec"]["ingress"] == []
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]  # so that what no rule names is denied
    chosen = policy["spec"]["podSelector"]["matchExpressions"][0]["values"]
    assert sorted(chosen) == sorted(GRADERS)
    for rule in policy["spec"]["egress"]:
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            assert block["cidr"].endswith("/32") or block["except"], "a node's own addresses hand out credentials"


def test_kustomization_lists_every_manifest():
    listed = next(d for d in MANIFESTS if d["kind"] == "Kustomization")["resources"]
    assert sorted(listed) == sorted(p.name for p in (ROOT / "deploy").glob("*.yaml") if p.name != "kustomization.yaml")
