"""A batch deployment of Azure ML v2: a scoring script with a model. Its input comes with each call of the endpoint."""

import os
from typing import Any

from parallelrun._convert.draft import Draft
from parallelrun._convert.lined import Section
from parallelrun._convert.parallel_task import REASONS, RESOURCES, batch_size, environment, number, retries
from parallelrun._convert.places import place
from parallelrun._convert.report import Converted

# What Azure takes where the file says nothing, and which is not our default.
_OUTPUT_FILE_NAME = "predictions.csv"
_MAX_RETRIES = 3
_TIMEOUT = 30
_REASONS = {
    **REASONS,
    "endpoint_name": "a job has no endpoint; start it for each input",
    "default": "a job has no endpoint",
    "app_insights_enabled": "logs lie in the output directory",
    "code_path": "",
}


def convert(whole: Section, base: str) -> Converted:
    """`base`: where its paths begin."""
    report = whole.report
    draft = Draft(
        str(whole.value("name") or whole.value("endpoint_name") or "batch-deployment"), report, whole.line
    )
    _code(whole, draft, base)
    draft.input("input_data", "file", place(None, "input-data", base), whole.line)
    _model(whole, draft, base)
    draft.output(None, "the output", whole.line)
    # Newer files have them below `settings`.
    settings = whole.section("settings") if "settings" in whole else whole
    _settings(settings, draft)
    resources = whole.section("resources")
    draft.set("nodeCount", number(resources.value("instance_count")))
    resources.rest(RESOURCES)
    environment(whole, draft, base)
    variables = whole.texts("environment_variables")
    if settings is not whole:
        variables.update(settings.texts("environment_variables"))
        settings.rest({})
    if variables:
        draft.environment("variables", variables)
    kind = whole.value("type")
    if kind not in (None, "model"):
        whole.leave(
            "type",
            f"it is '{kind}', but only a deployment of a model can be carried over; convert its pipeline",
        )
    whole.rest(_REASONS)
    return draft.done()


def _code(whole: Section, draft: Draft, base: str) -> None:
    code = whole.section("code_configuration")
    script = code.value("scoring_script")
    folder = code.value("code")
    if script is None:
        whole.report.leave(
            code.line or whole.line, "code_configuration.scoring_script",
            "it is missing, as for an MLflow model; write a script with init() and run(mini_batch)",
        )  # fmt: skip
        script = "score.py"
    draft.code(os.path.normpath(os.path.join(base, str(folder or "."))), str(script))
    code.rest({})


def _model(whole: Section, draft: Draft, base: str) -> None:
    said = whole.take("model")
    if said is None:
        return
    path: Any = said.value
    if isinstance(said.value, dict):
        section = Section(said, "model", whole.report)
        path = section.value("path") or section.value("name")
        if section.value("path") is None:
            path = f"azureml:{path}"
        kind = section.value("type")
        if kind == "mlflow_model":
            section.leave(
                "type",
                "the script loads the model itself: mlflow.pyfunc.load_model(os.environ['AZUREML_MODEL_DIR'])",
            )
        section.rest(
            {
                key: ""
                for key in ("$schema", "name", "version", "description", "tags", "properties", "flavors")
            }
        )
    at = place(str(path), "model", base)
    draft.side_input("model", at, said.line)
    whole.report.note(
        said.line, "model",
        "AZUREML_MODEL_DIR is this folder itself (for a file, its folder); Azure has the registered folder below it",
    )  # fmt: skip


def _settings(settings: Section, draft: Draft) -> None:
    action = str(settings.value("output_action") or "append_row").lower()
    draft.set("outputAction", action)
    if action == "append_row":
        draft.set("appendRowFileName", settings.value("output_file_name") or _OUTPUT_FILE_NAME)
    else:
        settings.leave("output_file_name", "a job with summary_only has no such file")
    draft.set("miniBatchSize", batch_size(settings.value("mini_batch_size")))
    draft.set("errorThreshold", number(settings.value("error_threshold")))
    draft.set("processCountPerNode", number(settings.value("max_concurrency_per_instance")))
    level = settings.value("logging_level")
    draft.set("loggingLevel", level.upper() if isinstance(level, str) else level)
    retry = settings.section("retry_settings")
    if "max_retries" not in retry:
        draft.set("runMaxTry", _MAX_RETRIES + 1)
    if "timeout" not in retry:
        draft.set("runInvocationTimeout", _TIMEOUT)
    retries(retry, draft)
