"""The official Python client (Debian's python3-kubernetes): write, list, watch, request a token and act with it.

Prints one JSON object; the test beside it says what has to be in it.
"""

import json
import sys

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

NAMESPACE = "g-python"

config.load_kube_config(sys.argv[1])
core = client.CoreV1Api()
rbac = client.RbacAuthorizationV1Api()
seen = {}

core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
account = core.create_namespaced_service_account(
    NAMESPACE, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="robot", labels={"made-by": "python"}))
)
seen["created"] = account.metadata.name
listed = core.list_namespaced_service_account(NAMESPACE, label_selector="made-by=python")
seen["listed"] = [item.metadata.name for item in listed.items]

core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="one"), data={"a": "1"}))
core.patch_namespaced_config_map("one", NAMESPACE, {"data": {"b": "2"}})
core.delete_namespaced_config_map("one", NAMESPACE)
events = []
since = listed.metadata.resource_version
for event in watch.Watch().stream(
    core.list_namespaced_config_map, NAMESPACE, resource_version=since, field_selector="metadata.name=one", timeout_seconds=10
):
    events.append([event["type"], event["object"].data])
    if event["type"] == "DELETED":
        break
seen["events"] = events

try:
    core.read_namespaced_config_map("none", NAMESPACE)
except ApiException as error:
    seen["missing"] = [error.status, json.loads(error.body)["reason"]]

rbac.create_namespaced_role(
    NAMESPACE,
    client.V1Role(
        metadata=client.V1ObjectMeta(name="reader"),
        rules=[client.V1PolicyRule(api_groups=[""], resources=["configmaps"], verbs=["list"])],
    ),
)
# A plain body, because the class of a subject changed its name between versions of this client.
rbac.create_namespaced_role_binding(
    NAMESPACE,
    {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": NAMESPACE}],
    },
)
token = core.create_namespaced_service_account_token("robot", NAMESPACE, {"spec": {"expirationSeconds": 600}}).status.token

as_robot = client.Configuration.get_default_copy()
as_robot.cert_file = as_robot.key_file = None
as_robot.api_key = {"authorization": "bearer " + token}
robot = client.CoreV1Api(client.ApiClient(as_robot))
seen["robot lists"] = robot.list_namespaced_config_map(NAMESPACE).kind
try:
    robot.list_namespaced_secret(NAMESPACE)
except ApiException as error:
    seen["robot refused"] = [error.status, json.loads(error.body)["message"]]

print(json.dumps(seen))
