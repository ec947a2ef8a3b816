"""The child process that asks a model: reads one question, asks its provider, and writes what came back.

It knows no database, no settings and no secret but its provider's key, and gives the model no tools: a model can only
write. What the answer is worth is judged by whoever started it.
"""

import asyncio
import json
import random
import sys
import time
from typing import Any

from pydantic_ai import direct, exceptions
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, infer_model
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class
from pydantic_ai.settings import ModelSettings

TRIES = 3
LEAST = 1.0  # seconds that a try needs
_MAY_PASS = {408, 409, 425, 429}  # and whatever a server says of itself


def main() -> None:
    """Answer the one question on standard input: with an answer, or with why there is none."""
    asked = json.load(sys.stdin.buffer)
    told = asyncio.run(_insist(asked, time.monotonic() + asked["seconds"]))
    sys.stdout.buffer.write(json.dumps(told).encode())


async def _insist(asked: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Ask, and ask again while the provider is in trouble that may pass, and time and tries are left."""
    for left in reversed(range(TRIES)):
        told = await _ask(asked, deadline - time.monotonic())
        pause = max(told.get("retryAfter") or 0.0, random.uniform(0, 2.0 ** (TRIES - left)))
        if not told.get("mayPass") or not left or time.monotonic() + pause > deadline - LEAST:
            break
        await asyncio.sleep(pause)
    return told


async def _ask(asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    try:
        return await _answer(asked, seconds)
    except exceptions.ModelHTTPError as error:
        may_pass = error.status_code in _MAY_PASS or error.status_code >= 500
        return _failed(f"the provider answered {error.status_code}", may_pass, error.retry_after)
    except exceptions.ModelAPIError as error:
        return _failed(f"the provider could not be asked: {type(error).__name__}", may_pass=True)
    except exceptions.UnexpectedModelBehavior as error:
        return _failed(f"the provider answered in a way nobody understands: {str(error)[:200]}", may_pass=True)
    except (exceptions.UserError, ImportError) as error:  # a name, a key or a package that is missing
        return _failed(str(error)[:500], may_pass=False)


def _failed(why: str, may_pass: bool, retry_after: float | None = None) -> dict[str, Any]:
    return {"failed": why, "mayPass": may_pass, "retryAfter": retry_after}


async def _answer(asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    model = _model(asked["model"], asked["baseUrl"])
    is_native = bool(model.profile.get("supports_json_schema_output"))
    instructions = asked["instructions"]
    if not is_native:
        schema = json.dumps(asked["schema"], ensure_ascii=False)
        instructions += f"\n\nAnswer with one JSON object and nothing else. It satisfies this JSON Schema:\n\n{schema}"
    messages: list[ModelMessage] = [ModelRequest([SystemPromptPart(instructions), UserPromptPart(asked["question"])])]
    if earlier := asked["earlier"]:
        messages += [ModelResponse([TextPart(earlier["answer"])]), ModelRequest([UserPromptPart(earlier["wrong"])])]
    output = OutputObjectDefinition(json_schema=asked["schema"], name=asked["name"]) if is_native else None
    response = await direct.model_request(
        model,
        messages,
        model_settings=ModelSettings(temperature=0.0, timeout=max(LEAST, seconds), max_retries=0),
        model_request_parameters=ModelRequestParameters(
            output_mode="native" if is_native else "text", output_object=output
        ),
    )
    return {
        "answer": "".join(part.content for part in response.parts if isinstance(part, TextPart)),
        "model": response.model_name,
        "inputTokens": response.usage.input_tokens,
        "outputTokens": response.usage.output_tokens,
    }


def _model(name: str, base_url: str) -> Model:
    name = name.replace("google-gla:", "google:", 1)  # as it was called before
    if not base_url:
        return infer_model(name)
    # Any server that speaks as OpenAI's does; what most of them have is the older of its two ways.
    name = name.replace("openai:", "openai-chat:", 1)

    def provider(named: str) -> Provider[Any]:
        made: Any = infer_provider_class(named)  # those that take an address have no type in common
        return made(base_url=base_url) if named.startswith(("openai", "ollama", "litellm")) else infer_provider(named)

    return infer_model(name, provider)


if __name__ == "__main__":
    main()
