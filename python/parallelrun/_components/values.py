"""Inputs, outputs and what a component is made of, as the SDK v2 names them."""

import os
from typing import Any, Dict, Mapping, Optional, Union

PathLike = Union[str, "os.PathLike[str]"]


class AssetTypes:
    """Words for `type`."""

    URI_FILE = "uri_file"
    URI_FOLDER = "uri_folder"
    MLTABLE = "mltable"
    MLFLOW_MODEL = "mlflow_model"
    CUSTOM_MODEL = "custom_model"
    TRITON_MODEL = "triton_model"


class InputOutputModes:
    """Words for `mode`. Data is read and written where it lies, in any mode."""

    MOUNT = "mount"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    RO_MOUNT = "ro_mount"
    RW_MOUNT = "rw_mount"
    DIRECT = "direct"
    EVAL_MOUNT = "eval_mount"
    EVAL_DOWNLOAD = "eval_download"


class Input:
    """A path, or with another type a value."""

    def __init__(
        self,
        *,
        type: str = AssetTypes.URI_FOLDER,
        path: Optional[PathLike] = None,
        mode: Optional[str] = None,
        default: Any = None,
        optional: Optional[bool] = None,
        description: Optional[str] = None,
        **_: Any,
    ) -> None:
        self.type = type
        self.path = None if path is None else os.fspath(path)
        self.mode = mode
        self.default = default
        self.optional = bool(optional)
        self.description = description


class Output:
    """Where a component writes: `path`, else a folder of the workspace for each run."""

    def __init__(
        self,
        *,
        type: str = AssetTypes.URI_FOLDER,
        path: Optional[PathLike] = None,
        mode: Optional[str] = None,
        description: Optional[str] = None,
        **_: Any,
    ) -> None:
        self.type = type
        self.path = None if path is None else os.fspath(path)
        self.mode = mode
        self.description = description


class Environment:
    """Packages of a conda file are installed on top of the Python that submits. An image is not used on one machine."""

    def __init__(
        self,
        *,
        name: Optional[str] = None,
        version: Optional[str] = None,
        image: Optional[str] = None,
        conda_file: Union[PathLike, Mapping[str, Any], None] = None,
        build: Any = None,
        description: Optional[str] = None,
        **_: Any,
    ) -> None:
        self.name, self.version = name, version
        self.image, self.conda_file, self.build = image, conda_file, build


class RunFunction:
    """The task: a script with `init()` and `run(mini_batch)`."""

    def __init__(
        self,
        *,
        code: Optional[PathLike] = None,
        entry_script: Optional[str] = None,
        program_arguments: Optional[str] = None,
        model: Optional[str] = None,
        append_row_to: Optional[str] = None,
        environment: Union[str, Environment, None] = None,
        **others: Any,
    ) -> None:
        self.environment = environment
        self.settings: Dict[str, Any] = {
            "type": "run_function",
            "code": None if code is None else os.fspath(code),
            "entry_script": entry_script,
            "program_arguments": program_arguments,
            "model": model,
            "append_row_to": append_row_to,
            **others,
        }
