"""Parting the secrets from the other parameters, before anything is made of either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.core.parameters import Parameter, ParameterType, coerce_parameters, wanted
from jupyter_async_exec.core.secret_names import hide, is_hidden, is_secret, missing_secrets
from jupyter_async_exec.errors import InvalidParametersError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONValue


def take_secrets(
    values: Mapping[str, object],
    declared: Sequence[Parameter],
    *,
    typed: bool,
    fingerprint: Callable[[JSONValue], str],
) -> tuple[dict[str, object], dict[str, JSONValue]]:
    """Part the secrets from the other values.

    Parameters
    ----------
    values
        Name to value, as they came.
    declared, typed
        As for `coerce_parameters`.
    fingerprint
        Gives 8 hexadecimal digits that are equal for equal values and tell nothing else.

    Returns
    -------
    shown, secrets
        `values` with something harmless in place of each secret; the secrets
        in the types the notebook declares.

    Raises
    ------
    InvalidParametersError
        A secret has the wrong type, or is what stands in its place in a record.
    """
    known = {parameter.name: parameter for parameter in declared}
    shown, secrets = dict(values), {}
    for name, value in values.items():
        parameter = known.get(name)
        if is_hidden(value):
            raise missing_secrets([name])
        if not is_secret(str(name), value, parameter.comment if parameter else ""):
            continue
        own = [parameter] if parameter else []
        try:
            coerced = coerce_parameters({name: value}, own, typed=typed and bool(own))
        except InvalidParametersError as error:
            raise _without_value(error, name, parameter) from None
        secrets.update(coerced)
        shown[name] = hide(fingerprint(coerced[name]))
    return shown, secrets


def takes_secret(parameter: Parameter) -> bool:
    """Tell whether a value that is given for this parameter would be a secret."""
    examples = {ParameterType.INT: 1, ParameterType.FLOAT: 0.5, ParameterType.BOOL: True}
    return is_secret(parameter.name, examples.get(parameter.type, "text"), parameter.comment)


def _without_value(
    error: InvalidParametersError, name: str, parameter: Parameter | None
) -> InvalidParametersError:
    """Say what is wrong without the value, which the usual sentence quotes."""
    what = f"must be {wanted(parameter)}" if parameter else "cannot be given so"
    if name not in error.details.get("fields", {}):
        return error  # About the name, which is no secret.
    sentence = f"`{name}` {what}; what was given is not repeated here, as it is a secret."
    return InvalidParametersError(sentence, {"fields": {name: sentence}})
