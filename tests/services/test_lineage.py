"""Artifacts, actions, contexts and their associations, over a real socket."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.experiments import Region, Regions, refused, regions_in


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def region(regions: Regions) -> Region:
    return regions.fresh()


@pytest.fixture
def sm(region: Region) -> Any:
    return region.client("sagemaker")


def artifact(sm: Any, uri: str, kind: str = "Tracker", **more: Any) -> str:
    made = sm.create_artifact(ArtifactType=kind, Source={"SourceUri": uri}, **more)
    return str(made["ArtifactArn"])


def test_what_a_tracker_writes_on_exit(sm: Any) -> None:
    component = sm.create_trial_component(TrialComponentName="part")["TrialComponentArn"]
    source = {
        "SourceUri": "s3://bucket/key/generate_cifar10_tfrecords.py",
        "SourceTypes": [{"SourceIdType": "S3ETag", "Value": '"d41d8cd98f00b204e9800998ecf8427e"'}],
    }
    request = {
        "ArtifactName": "generate_cifar10_tfrecords.py",
        "ArtifactType": "text/x-python",
        "Source": source,
    }
    made = sm.create_artifact(**request)["ArtifactArn"]
    assert sm.create_artifact(**request)["ArtifactArn"] == made, "the same source is the same artifact"
    sm.add_association(SourceArn=component, DestinationArn=made, AssociationType="Produced")
    (found,) = sm.list_associations(SourceArn=component)["AssociationSummaries"]
    assert (found["AssociationType"], found["DestinationArn"]) == ("Produced", made)
    assert (found["SourceType"], found["DestinationType"]) == ("TrialComponent", "text/x-python")
    assert (found["SourceName"], found["DestinationName"]) == ("part", "generate_cifar10_tfrecords.py")
    shown = sm.describe_artifact(ArtifactArn=made)
    assert shown["Source"] == source
    assert shown["LineageGroupArn"].endswith(":lineage-group/sagemaker-default-lineage-group")
    code, message = refused(sm.add_association, SourceArn=component, DestinationArn=made)
    assert (code, "already exists" in message) == ("ValidationException", True)


def test_artifacts_change_and_go(sm: Any) -> None:
    made = artifact(sm, "s3://b/a", Properties={"k": "v", "l": "w"}, Tags=[{"Key": "t", "Value": "u"}])
    other = artifact(sm, "s3://b/b", "Model")
    sm.update_artifact(
        ArtifactArn=made, Properties={"k": "x"}, PropertiesToRemove=["l"], ArtifactName="named"
    )
    shown = sm.describe_artifact(ArtifactArn=made)
    assert (shown["ArtifactName"], shown["Properties"]) == ("named", {"k": "x"})
    sm.update_artifact(ArtifactArn=made, ArtifactName="renamed")
    assert sm.describe_artifact(ArtifactArn=made)["ArtifactName"] == "renamed"
    assert sm.list_tags(ResourceArn=made)["Tags"] == [{"Key": "t", "Value": "u"}]
    assert arns(sm.list_artifacts(ArtifactType="Model"), "Artifact") == [other]
    assert arns(sm.list_artifacts(SourceUri="s3://b/a"), "Artifact") == [made]
    assert len(arns(sm.list_artifacts(), "Artifact")) == 2
    assert sm.delete_artifact(ArtifactArn=made)["ArtifactArn"] == made
    assert sm.delete_artifact(Source={"SourceUri": "s3://b/b"})["ArtifactArn"] == other
    assert refused(sm.describe_artifact, ArtifactArn=made)[0] == "ResourceNotFound"
    assert refused(sm.delete_artifact)[0] == "ValidationException"


def arns(page: dict[str, Any], noun: str) -> list[str]:
    return [item[f"{noun}Arn"] for item in page[f"{noun}Summaries"]]


@pytest.mark.parametrize("noun", ["Action", "Context"])
def test_actions_and_contexts(sm: Any, region: Region, noun: str) -> None:
    low = noun.lower()
    create, describe = getattr(sm, f"create_{low}"), getattr(sm, f"describe_{low}")
    update, delete = getattr(sm, f"update_{low}"), getattr(sm, f"delete_{low}")
    request = {
        f"{noun}Name": "Deploy-1",
        f"{noun}Type": "Deployment",
        "Source": {"SourceUri": "s3://b/model"},
    }
    arn = create(**request, Properties={"a": "1"})[f"{noun}Arn"]
    assert arn == region.arn(f"{low}/deploy-1")
    code, message = refused(create, **request)
    assert (code, "already exists" in message) == ("ValidationException", True)
    update(**{f"{noun}Name": "Deploy-1"}, Description="d", Properties={"b": "2"}, PropertiesToRemove=["a"])
    shown = describe(**{f"{noun}Name": "Deploy-1"})
    assert (shown["Description"], shown["Properties"], shown[f"{noun}Type"]) == (
        "d",
        {"b": "2"},
        "Deployment",
    )
    listed = getattr(sm, f"list_{low}s")(**{f"{noun}Type": "Deployment", "SortBy": "Name"})
    assert arns(listed, noun) == [arn]
    delete(**{f"{noun}Name": "Deploy-1"})
    assert refused(describe, **{f"{noun}Name": "Deploy-1"})[0] == "ResourceNotFound"


def test_associations_have_rules_and_pages(sm: Any) -> None:
    part = sm.create_trial_component(TrialComponentName="part")["TrialComponentArn"]
    experiment = sm.create_experiment(ExperimentName="e")["ExperimentArn"]
    code, message = refused(sm.add_association, SourceArn=part, DestinationArn=experiment)
    assert (code, "two experiment entities" in message) == ("ValidationException", True)
    assert refused(sm.add_association, SourceArn=part, DestinationArn=f"{part}x")[0] == "ResourceNotFound"
    made = [artifact(sm, f"s3://b/{number}", f"T{number}") for number in range(5)]
    for arn in made:
        sm.add_association(SourceArn=arn, DestinationArn=part, AssociationType="ContributedTo")
    pages = sm.get_paginator("list_associations").paginate(
        DestinationArn=part, SortBy="SourceType", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    found = [[item["SourceType"] for item in page["AssociationSummaries"]] for page in pages]
    assert found == [["T0", "T1"], ["T2", "T3"], ["T4"]]
    assert len(sm.list_associations(SourceType="T3")["AssociationSummaries"]) == 1
    assert sm.list_associations(AssociationType="Produced")["AssociationSummaries"] == []
    sm.delete_association(SourceArn=made[0], DestinationArn=part)
    assert refused(sm.delete_association, SourceArn=made[0], DestinationArn=part)[0] == "ResourceNotFound"
    sm.delete_artifact(ArtifactArn=made[1])
    assert len(sm.list_associations(DestinationArn=part)["AssociationSummaries"]) == 3


def test_questions_about_the_graph(sm: Any) -> None:
    part = sm.create_trial_component(TrialComponentName="part")["TrialComponentArn"]
    data, model, image = (
        artifact(sm, "s3://b/data", "DataSet"),
        artifact(sm, "s3://b/m", "Model"),
        artifact(sm, "i"),
    )
    action = sm.create_action(ActionName="deploy", ActionType="Deployment", Source={"SourceUri": "x"})[
        "ActionArn"
    ]
    for source, destination in ((data, part), (image, part), (part, model), (model, action)):
        sm.add_association(SourceArn=source, DestinationArn=destination, AssociationType="ContributedTo")

    def ask(start: str, **more: Any) -> tuple[set[str], set[tuple[str, str]]]:
        answer = sm.query_lineage(StartArns=[start], **more)
        edges = {(edge["SourceArn"], edge["DestinationArn"]) for edge in answer.get("Edges", ())}
        return {vertex["Arn"] for vertex in answer["Vertices"]}, edges

    assert ask(part, Direction="Ascendants") == ({part, data, image}, {(data, part), (image, part)})
    assert ask(part, Direction="Descendants", MaxDepth=1) == ({part, model}, {(part, model)})
    assert ask(part, IncludeEdges=False) == ({data, image, model, action}, set())
    assert ask(part)[0] == {part, data, image, model, action}
    assert ask(part, Filters={"Types": ["Nothing"]}) == (set(), set())
    found = ask(action, Direction="Ascendants", Filters={"Types": ["DataSet"]}, IncludeEdges=False)
    assert found == ({data}, set())
    vertices, edges = ask(action, Direction="Ascendants", Filters={"Types": ["DataSet"]})
    assert vertices == {data, part, model, action}, "what is on the way, and where it begins"
    assert edges == {(data, part), (part, model), (model, action)}
    kinds = ask(
        action, Direction="Ascendants", Filters={"LineageTypes": ["TrialComponent"]}, IncludeEdges=False
    )
    assert kinds[0] == {part}
    assert refused(sm.query_lineage, StartArns=[f"{part}x"])[0] == "ResourceNotFound"


def test_a_graph_comes_in_pages(sm: Any) -> None:
    part = sm.create_trial_component(TrialComponentName="part")["TrialComponentArn"]
    made = [artifact(sm, f"s3://b/{number}") for number in range(60)]
    for arn in made:
        sm.add_association(SourceArn=part, DestinationArn=arn, AssociationType="Produced")
    whole = sm.query_lineage(StartArns=[part], Direction="Descendants")
    assert [vertex["Arn"] for vertex in whole["Vertices"]] == [part, *made]
    assert "NextToken" not in whole
    request: dict[str, Any] = {"StartArns": [part], "Direction": "Descendants", "MaxResults": 25}
    found = [sm.query_lineage(**request)]
    while "NextToken" in found[-1]:
        found.append(sm.query_lineage(**request, NextToken=found[-1]["NextToken"]))
    assert [len(page["Vertices"]) for page in found] == [25, 25, 11]
    for page in found:
        vertices = {vertex["Arn"] for vertex in page["Vertices"]} - {part}
        assert {edge["DestinationArn"] for edge in page["Edges"]} == vertices
    code, message = refused(sm.query_lineage, StartArns=[part], MaxResults=51)
    assert (code, "less than or equal to 50" in message) == ("ValidationException", True)
    assert refused(sm.query_lineage, StartArns=[part], NextToken="x")[0] == "ValidationException"


def test_filters_of_a_graph(sm: Any) -> None:
    part = sm.create_trial_component(TrialComponentName="part")["TrialComponentArn"]
    old = artifact(sm, "s3://b/old", "DataSet", Properties={"a": "1", "b": "2"})
    new = artifact(sm, "s3://b/new", "DataSet", Properties={"a": "1"})
    for arn in (old, new):
        sm.add_association(SourceArn=arn, DestinationArn=part)
    made = sm.describe_artifact(ArtifactArn=old)["CreationTime"]
    minute = datetime.timedelta(minutes=1)

    def found(**filters: Any) -> set[str]:
        answer = sm.query_lineage(StartArns=[part], Filters=filters, IncludeEdges=False)
        return {vertex["Arn"] for vertex in answer["Vertices"]}

    assert found() == {old, new}
    assert found(Properties={"a": "1"}) == {old, new}
    assert found(Properties={"a": "1", "b": "2"}) == {old}
    assert found(Properties={"a": "2"}) == set()
    for member in ("Created", "Modified"):
        after, before = f"{member}After", f"{member}Before"
        assert found(**{after: made - minute, before: made + minute}) == {old, new}
        assert found(**{after: made + minute}) == set()
        assert found(**{before: made - minute}) == set()
    assert found(LineageTypes=["Artifact"], Types=["DataSet", "Model"]) == {old, new}
    assert found(LineageTypes=["Action", "Context"]) == set()


def test_the_lineage_group(sm: Any) -> None:
    (group,) = sm.list_lineage_groups()["LineageGroupSummaries"]
    shown = sm.describe_lineage_group(LineageGroupName=group["LineageGroupName"])
    assert shown["LineageGroupArn"] == group["LineageGroupArn"]
    assert group["LineageGroupName"] == "sagemaker-default-lineage-group"
    assert shown["CreationTime"] == sm.list_lineage_groups()["LineageGroupSummaries"][0]["CreationTime"]
    assert refused(sm.describe_lineage_group, LineageGroupName="other")[0] == "ResourceNotFound"
    for name, words in (
        ("sagemaker-default-lineage-group", "has no resource policy"),
        ("other", "does not exist"),
    ):
        code, message = refused(sm.get_lineage_group_policy, LineageGroupName=name)
        assert (code, words in message) == ("ResourceNotFound", True)


@pytest.mark.parametrize(
    "by", ["SourceArn", "DestinationArn", "SourceType", "DestinationType", "CreationTime"]
)
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_associations_in_every_order(sm: Any, by: str, order: str) -> None:
    parts = [sm.create_trial_component(TrialComponentName=f"p{n}")["TrialComponentArn"] for n in range(3)]
    made = [artifact(sm, f"s3://b/{number}", f"T{number % 3}") for number in range(4)]
    for number, arn in enumerate(made):
        for part in parts[: number % 3 + 1]:
            sm.add_association(SourceArn=arn, DestinationArn=part)
    for part in parts:
        sm.add_association(SourceArn=part, DestinationArn=made[0], AssociationType="Produced")
    whole = sm.list_associations(SortBy=by, SortOrder=order, MaxResults=100)["AssociationSummaries"]
    values = [item[by] for item in whole]
    assert len(values) == 10
    assert values == sorted(values, reverse=order == "Descending")
    request: dict[str, Any] = {"SortBy": by, "SortOrder": order, "MaxResults": 3}
    paged: list[Any] = []
    while True:
        page = sm.list_associations(**request)
        paged += page["AssociationSummaries"]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert paged == whole


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"SourceType": "Image"}, "image-action image-part"),
        ({"SourceType": "Artifact"}, "data-part image-action image-part job-data"),
        ({"DestinationType": "Deployment"}, "image-action"),
        ({"DestinationType": "Action"}, "image-action"),
        ({"SourceType": "Image", "DestinationType": "TrialComponent"}, "image-part"),
        ({"SourceType": "TrainingJob"}, "job-data"),
        ({"SourceType": "SageMakerTrainingJob"}, "job-data"),
        ({"SourceType": "Image", "AssociationType": "Produced"}, ""),
        ({"SourceType": "None"}, ""),
    ],
    ids=str,
)
def test_associations_by_type(sm: Any, asked: dict[str, str], expected: str) -> None:
    """By an end's own type, by the kind of entity that it is, and a job by its own name."""
    arns = {
        "image": artifact(sm, "s3://b/image", "Image"),
        "data": artifact(sm, "s3://b/data", "DataSet"),
        "job": artifact(sm, "s3://b/job", "SageMakerTrainingJob"),
        "part": sm.create_trial_component(TrialComponentName="part")["TrialComponentArn"],
        "action": sm.create_action(ActionName="act", ActionType="Deployment", Source={"SourceUri": "x"})[
            "ActionArn"
        ],
    }
    names = {arn: name for name, arn in arns.items()}
    for source, destination in ("image", "part"), ("image", "action"), ("data", "part"), ("job", "data"):
        sm.add_association(SourceArn=arns[source], DestinationArn=arns[destination])
    for order in ("SourceType", "CreationTime"):
        found = sm.list_associations(**asked, SortBy=order)["AssociationSummaries"]
        shown = sorted(f"{names[item['SourceArn']]}-{names[item['DestinationArn']]}" for item in found)
        assert shown == expected.split()


def test_associations_are_paged_by_time_without_ends(sm: Any) -> None:
    part = sm.create_trial_component(TrialComponentName="part")["TrialComponentArn"]
    made = [artifact(sm, f"s3://b/{number}", f"T{number % 2}") for number in range(7)]
    for arn in made:
        sm.add_association(SourceArn=arn, DestinationArn=part)
    for order, expected in (("Ascending", made), ("Descending", made[::-1])):
        pages = sm.get_paginator("list_associations").paginate(
            SortOrder=order, PaginationConfig={"PageSize": 3}
        )
        found = [[item["SourceArn"] for item in page["AssociationSummaries"]] for page in pages]
        assert found == [expected[:3], expected[3:6], expected[6:]]
    first = sm.list_associations(SourceType="T0", SortOrder="Ascending", MaxResults=2)
    assert [item["SourceArn"] for item in first["AssociationSummaries"]] == [made[0], made[2]]
    sm.delete_artifact(ArtifactArn=made[0])
    then = sm.list_associations(SourceType="T0", SortOrder="Ascending", NextToken=first["NextToken"])
    assert [item["SourceArn"] for item in then["AssociationSummaries"]] == [made[4], made[6]], (
        "pages are stable"
    )
    for token in ("x", "!", "WzFd", "LTU="):
        for request in ({}, {"SortBy": "SourceArn"}, {"SortBy": "SourceType"}):
            assert refused(sm.list_associations, NextToken=token, **request) == (
                "ValidationException", "Invalid pagination token: NextToken.",
            )  # fmt: skip
