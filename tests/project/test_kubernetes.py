"""The files of deploy/kubernetes: they fit each other, the image and the program, and give no right away."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.config import load
from monitor.config.shards import SHARD_VARIABLE
from monitor.daemon.start import DEFAULT_START_SECONDS
from monitor.notify.kinds import KINDS

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


STATEFUL_SET = read("statefulset.yaml")
POD = STATEFUL_SET["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def test_each_file_is_one_resource_and_the_kustomization_names_all_of_them() -> None:
    kustomization = read("kustomization.yaml")
    text = (FOLDER / "kustomization.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"^  (?:# )?- (\w+\.yaml)$", text, flags=re.MULTILINE))
    there = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert named == there
    # What takes the Prometheus operator is left to who has it.
    assert set(kustomization["resources"]) == there - {
        "servicemonitor.yaml",
        "prometheusrule.yaml",
    }
    for name in there:
        resource = read(name)
        assert {"apiVersion", "kind", "metadata"} <= resource.keys(), name


def test_the_operators_rules_are_those_of_prometheus() -> None:
    path = ROOT / "deploy" / "prometheus" / "token-monitor.rules.yml"
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    resource = read("prometheusrule.yaml")
    assert resource["kind"] == "PrometheusRule"
    assert resource["spec"] == rules
    # They look for the job by this name: what the ServiceMonitor calls it.
    assert read("service.yaml")["metadata"]["labels"] == resource["metadata"]["labels"]
    assert 'job="token-monitor"' in path.read_text(encoding="utf-8")


def test_what_is_mounted_is_made_and_what_is_made_is_mounted() -> None:
    kustomization = read("kustomization.yaml")
    made = {one["name"] for one in kustomization["configMapGenerator"]}
    volumes = {one["name"]: one for one in POD["volumes"]}
    claims = {
        one["metadata"]["name"] for one in STATEFUL_SET["spec"]["volumeClaimTemplates"]
    }
    mounted = {one["name"] for one in CONTAINER["volumeMounts"]}
    assert mounted == volumes.keys() | claims
    assert {
        one["configMap"]["name"] for one in volumes.values() if "configMap" in one
    } == made
    (secret,) = kustomization["secretGenerator"]
    assert volumes["secrets"]["secret"]["secretName"] == secret["name"]
    # A pod that is restarted for a list that changes would not watch meanwhile.
    assert kustomization["generatorOptions"] == {"disableNameSuffixHash": True}


def test_the_pod_has_no_right_that_it_does_not_need() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert user is not None
    context = POD["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (
        int(user[1]),
        int(user[2]),
        int(user[2]),
    )
    labels = read("namespace.yaml")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_shards_are_as_many_as_pods_and_a_start_has_time() -> None:
    (shard,) = [one for one in CONTAINER["env"] if one["name"] == SHARD_VARIABLE]
    assert shard["value"] == f"auto/{STATEFUL_SET['spec']['replicas']}"
    startup = CONTAINER["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > (
        DEFAULT_START_SECONDS + 15
    )
    assert POD["terminationGracePeriodSeconds"] >= 15


def test_who_selects_selects_the_pods() -> None:
    labels = STATEFUL_SET["spec"]["template"]["metadata"]["labels"]
    assert STATEFUL_SET["spec"]["selector"]["matchLabels"] == labels
    service = read("service.yaml")
    assert service["spec"]["selector"] == labels
    assert service["metadata"]["name"] == STATEFUL_SET["spec"]["serviceName"]
    budget = read("poddisruptionbudget.yaml")
    assert budget["spec"]["selector"]["matchLabels"] == labels
    monitor = read("servicemonitor.yaml")
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    (port,) = service["spec"]["ports"]
    assert monitor["spec"]["endpoints"][0]["port"] == port["name"]
    assert CONTAINER["ports"] == [{"name": "http", "containerPort": port["port"]}]


@pytest.mark.parametrize("shard", range(STATEFUL_SET["spec"]["replicas"]))
def test_every_pod_can_load_its_configuration(tmp_path: Path, shard: int) -> None:
    """With what is mounted in a folder of the test instead."""
    mounts = {one["name"]: one["mountPath"] for one in CONTAINER["volumeMounts"]}
    text = (FOLDER / "config.toml").read_text(encoding="utf-8")
    for name in ("targets", "secrets"):
        assert f'"{mounts[name]}' in text
        text = text.replace(mounts[name], str(tmp_path / name))
        (tmp_path / name).mkdir()
    shutil.copy(FOLDER / "targets.yml", tmp_path / "targets")
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    environ = {one["name"]: one["value"] for one in CONTAINER["env"]}
    pod = f"{STATEFUL_SET['metadata']['name']}-{shard}"
    config = load(path, {**environ, "HOSTNAME": pod}, KINDS)
    assert (config.shard and config.shard.index, config.replicas) == (shard, 2)
    secrets = {file.path.name for one in config.targets for file in one.files()}
    keys = {
        one.partition("=")[0]
        for one in read("kustomization.yaml")["secretGenerator"][0]["files"]
    }
    assert secrets <= keys
