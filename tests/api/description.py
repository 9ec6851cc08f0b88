# SPDX-License-Identifier: Apache-2.0
"""/openapi.json as something to hold answers against."""

import json
import re

import jsonschema
import referencing
import referencing.jsonschema

import papi_process


class Description:
    """The description of a running papi; finds operations and judges their answers."""

    def __init__(self, document):
        self.document = document
        self.operations = {}
        for path, item in document["paths"].items():
            for method, operation in item.items():
                self.operations[(method.upper(), path)] = operation
        resource = referencing.Resource(contents=document, specification=referencing.jsonschema.DRAFT202012)
        self.registry = referencing.Registry().with_resource("openapi", resource)

    def find(self, method, path):
        """(path as described, operation) of a request; None when it is not described."""
        method = "GET" if method == "HEAD" else method
        path = path.split("?")[0]
        found = []
        for (described, template), operation in self.operations.items():
            pattern = re.escape(template)
            pattern = re.sub(r"\\\{[^}]*\\\}$", ".+", pattern)
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", pattern)
            if described == method and re.fullmatch(pattern, path):
                found.append((template, operation))
        # A path that is written out comes before one with a place in it.
        return min(found, key=lambda pair: pair[0].count("{"), default=None)

    def validate(self, schema, value):
        schema = json.loads(json.dumps(schema).replace('"#/', '"openapi#/'))
        jsonschema.Draft202012Validator(schema, registry=self.registry,
                                        format_checker=jsonschema.FormatChecker()).validate(value)

    def check(self, method, path, status, fields, body):
        """The answer is one that is described. `body`: decoded JSON, or text."""
        found = self.find(method, path)
        if found is None:
            assert status in (404, 405), (method, path, status)
            responses = {"default": {"content": {"application/json": {"schema": {
                "$ref": "#/components/schemas/Error"}}}}}
        else:
            responses = found[1]["responses"]
        response = responses.get(str(status), responses["default"])
        kind = fields.get("content-type", "").split(";")[0]
        if method in ("HEAD", "OPTIONS") and not body:
            return
        # A refusal of the server itself is JSON everywhere.
        content = response["content"]
        assert kind in content or status >= 400 and kind == "application/json", (method, path, status, kind)
        if kind in content:
            self.validate(content[kind]["schema"], body)


def of(papi):
    """The description a running papi gives of itself."""
    status, _, body = papi_process.request(papi, "GET", "/openapi.json")
    assert status == 200, body
    return Description(json.loads(body))
