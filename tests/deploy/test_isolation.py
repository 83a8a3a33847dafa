"""Compose and Kubernetes files keep the isolation table: who sees which credential and which folder."""

from __future__ import annotations

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


def test_kustomization_lists_every_manifest():
    listed = next(d for d in MANIFESTS if d["kind"] == "Kustomization")["resources"]
    assert sorted(listed) == sorted(p.name for p in (ROOT / "deploy").glob("*.yaml") if p.name != "kustomization.yaml")
