"""Image URI -> `EnvironmentSpec`, by the table alone: no network, no disk.

A tag is read as AWS writes it, `VERSION[-transformersVERSION][-cpu|-gpu][-pyXY][-anything]`; registry, account and
region say nothing about an image. Every refusal is a FailureReason: what was asked for, what there is, how to alias it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clary.images.catalog import FAMILIES
from clary.images.family import Family, Release
from clary.images.ports import EnvironmentSpec, ImageError
from clary.images.uri import ImageURI, parse

_TAG = re.compile(
    r"(?P<version>latest|\d+(?:\.\d+)*(?:-\d{1,3}(?=-|$))?(?:-transformers(?P<transformers>\d+(?:\.\d+)*))?)"
    r"(?:-(?P<processor>cpu|gpu)(?=-|$))?(?:-py(?P<python>\d*)(?=-|$))?(?P<rest>(?:-[A-Za-z0-9._-]+)?)"
)


@dataclass(frozen=True, slots=True)
class Tag:
    version: str
    """With that of transformers, where the tag has one: `2.1.0-transformers4.36.0`."""
    processor: str
    python: str | None
    """`3.10` for `py310`; None for `py3` or none."""
    transformers: str = ""


def parse_tag(tag: str) -> Tag | None:
    """None for what is not AWS's grammar."""
    found = _TAG.fullmatch(tag)
    if not found:
        return None
    digits = found["python"] or ""
    python = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else ("2" if digits == "2" else None)
    return Tag(found["version"], found["processor"] or "", python, found["transformers"] or "")


def resolve(uri: str, *, gpu: bool, cpu_torch: bool) -> EnvironmentSpec:
    """`gpu`: whether this machine has one; `cpu_torch`: whether PyTorch's CPU build has to be asked for
    (the index's own is CUDA's, and there is no GPU). Raises `ImageError`."""
    try:
        image = parse(uri)
    except ValueError as error:
        raise ImageError(str(error)) from error
    for family in FAMILIES:
        if named := family.repositories.fullmatch(image.name):
            spec = _of_family(uri, image, family, named.groupdict().get("python"))
            on_cpu = "gpu" in image.tag.split("-") and not gpu
            return replace(
                spec,
                excludes=() if gpu else family.excludes,
                cpu_torch=family.cpu_torch and cpu_torch,
                image=uri,
                notes=(f"{image.name}:{image.tag} is a GPU image; without a GPU here, it runs on the CPU.",)
                if on_cpu
                else (),
            )
    names = (
        "sagemaker-scikit-learn, sagemaker-xgboost, pytorch-training, tensorflow-training,"
        " huggingface-pytorch-training, their ...-inference, python and of the algorithms linear-learner, kmeans,"
        " knn, pca, randomcutforest and factorization-machines"
    )
    raise _refusal(uri, f" stands for no environment here; those of {names} do")


def framework(spec: EnvironmentSpec) -> str:
    """The family whose server an image has: an alias gives it another environment, not another server."""
    if spec.family != "alias":
        return spec.family
    try:
        name = parse(spec.image).name
    except ValueError:
        return spec.family
    return next((each.name for each in FAMILIES if each.repositories.fullmatch(name)), spec.family)


def how_to_alias(uri: str, requirements: Sequence[str] = (), python: str = "3.11") -> str:
    """The line of config.toml that gives this image an environment, with what it may have wanted."""
    pattern = re.split(r"[@]", uri.rpartition("/")[2])[0] or "NAME"
    wanted = ", ".join(f'"{line}"' for line in requirements[:2]) or '"scikit-learn==1.5.2"'
    minor = ".".join(python.split(".")[:2])
    return (
        f'To give this image one of your own, put under [image_aliases] in config.toml: "*{pattern}" ='
        f' {{requirements = [{wanted}], python = "{minor}"}} or "*{pattern}" ='
        ' {interpreter = "/path/to/python"}.'
    )


def _of_family(uri: str, image: ImageURI, family: Family, python_name: str | None) -> EnvironmentSpec:
    if python_name:
        version = f"{python_name[0]}.{python_name[1:]}"
        release = _release(uri, family, version)
        return _spec(family, version, release, release.python)
    if not image.tag and image.digest:
        raise _refusal(uri, f" is named by a digest, which does not say its version; {image.name}:TAG would")
    tag = parse_tag(image.tag or "latest")
    if tag is None:
        raise _refusal(uri, f": the tag {image.tag!r} is not one of AWS's", family)
    if tag.python == "2" or (tag.python or "").startswith("2."):
        raise _refusal(uri, " asks for Python 2, which is not supported", family)
    if family.name == "python":
        minor = ".".join(tag.version.split(".")[:2])
        release = _release(uri, family, minor)
        exact = (tag.version,) if tag.version.count(".") == 2 else release.python
        return _spec(family, exact[0], release, exact)
    version = family.aliases.get(tag.version, tag.version)
    if version not in family.releases and family.beyond and tag.python and re.match(r"\d+\.\d+", version):
        return _beyond(family, replace(tag, version=version), tag.python)
    release = _release(uri, family, version)
    return _spec(family, version, release, (tag.python,) if tag.python else release.python)


def _release(uri: str, family: Family, version: str) -> Release:
    release = family.releases.get(family.aliases.get(version, version))
    if release is None:
        raise _refusal(uri, f": there is no {family.name} {version} here", family)
    if release.unavailable:
        raise _refusal(uri, f" cannot be had: {release.unavailable}", family)
    return release


def _beyond(family: Family, tag: Tag, python: str) -> EnvironmentSpec:
    version, transformers = (
        each if each.count(".") == 2 else f"{each}.*"
        for each in (tag.version.split("-")[0], tag.transformers)
    )
    asked = [line.format(version=version, transformers=transformers) for line in family.beyond]
    return EnvironmentSpec(family.name, tag.version, (python,), (*asked, "numpy", "pandas", *family.common))


def _spec(family: Family, version: str, release: Release, python: tuple[str, ...]) -> EnvironmentSpec:
    return EnvironmentSpec(
        family.name, version, python, (*release.requirements, *family.common), sources=release.sources
    )


def _refusal(uri: str, why: str, family: Family | None = None) -> ImageError:
    there = ""
    if family:
        versions = [version for version, release in family.releases.items() if not release.unavailable]
        there = f" There are {', '.join(versions)}."
    return ImageError(f"Image {uri}{why}.{there} {how_to_alias(uri)}")
