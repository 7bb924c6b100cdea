"""The official clients, unmodified, ask the real program about real servers: each gets the truth, or its own error."""

import pytest

import cases
import clients
import conftest
import fleet
import model

EVERYTHING = [
    pytest.param(client, mode, case, id=f"{client.name} {conftest.call_id(mode, case)}")
    for client in clients.CLIENTS
    for mode in client.modes
    for case in cases.CASES
    if conftest.can_make(client, mode, case)
]


@pytest.mark.parametrize(("client", "mode", "case"), EVERYTHING)
def test_answer(outcomes, client, mode, case):
    outcome = outcomes(client)[conftest.call_id(mode, case)]
    case.expected.check(outcome, client, case.language or client.language)


EVERY_CLIENT = pytest.mark.parametrize("client", clients.CLIENTS, ids=lambda client: client.name)


@EVERY_CLIENT
def test_every_mode_of_a_client_gets_the_same_link(outcomes, client):
    on = next(case for case in cases.CASES if case.name == "on")
    links = {outcomes(client)[conftest.call_id(mode, on)]["response"]["Url"] for mode in client.modes}
    assert len(links) == 1


@EVERY_CLIENT
def test_a_whole_list_has_every_field_that_the_vendor_promises(signet, client):
    mode = (clients.TC3, "POST")
    ask = conftest.as_call(mode, cases.Case("all", "DescribeDBInstances", {}, None))
    answer = cases.answer_of(client.call(signet.endpoint, [ask])[ask["id"]])
    assert model.broken_promises(answer, "DescribeDBInstances", conftest.vendor_model()) == []
    assert answer["TotalCount"] == len(answer["Items"]) == len(fleet.INSTANCES) + len([fleet.RO_GROUP])
    assert {instance.id for instance in fleet.INSTANCES} < {item["InstanceId"] for item in answer["Items"]}


@EVERY_CLIENT
def test_ro_groups_of_an_instance(signet, client):
    mode = (clients.TC3, "POST")
    ask = conftest.as_call(mode, cases.Case("groups", "DescribeRoGroups", {"InstanceId": fleet.ON.id}, None))
    answer = cases.answer_of(client.call(signet.endpoint, [ask])[ask["id"]])
    assert model.broken_promises(answer, "DescribeRoGroups", conftest.vendor_model()) == []
    (group,) = answer["RoGroups"]
    (replica,) = group["RoInstances"]
    assert (group["RoGroupId"], group["RoGroupName"]) == (fleet.RO_GROUP.id, fleet.RO_GROUP.name)
    assert (replica["MasterInstanceId"], replica["InstanceId"].startswith("cdbro-")) == (fleet.ON.id, True)
