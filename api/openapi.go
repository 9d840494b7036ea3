package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"
)

type object = map[string]any

// document writes the OpenAPI 3.1 document of the routes. Its schemas come from the same structs
// that are encoded, so the two cannot drift apart.
func document(routes []route, version string) ([]byte, error) {
	if version == "" {
		version = "unknown"
	}
	schemas := object{}
	paths := object{}
	for _, rt := range routes {
		item, ok := paths[rt.path].(object)
		if !ok {
			item = object{}
			paths[rt.path] = item
		}
		op, err := operation(rt, schemas)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", rt.id, err)
		}
		item[strings.ToLower(rt.method)] = op
	}
	problem, err := schemaOf(Error{}, schemas, false)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "loquet", "version": version,
			"description": "Doors, gates and locks of one house. Over the unix socket no token is needed; everywhere else every path needs one. Clients ignore members that they do not know; the server refuses those.",
		},
		"security": []any{object{"token": []any{}}},
		"paths":    paths,
		"components": object{
			"schemas": schemas,
			"responses": object{"Problem": object{
				"description": "It was not done. code is a stable word; detail says why, remedy what to do.",
				"content":     object{"application/problem+json": object{"schema": problem}},
			}},
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}},
		},
	}, "", "  ")
}

func operation(rt route, schemas object) (object, error) {
	op := object{"operationId": rt.id, "summary": rt.summary}
	if params := parameters(rt); len(params) > 0 {
		op["parameters"] = params
	}
	if rt.body != nil {
		schema, err := schemaOf(rt.body, schemas, true)
		if err != nil {
			return nil, err
		}
		op["requestBody"] = object{"content": object{"application/json": object{"schema": schema}}}
	}
	responses := object{}
	for status, v := range rt.answers {
		response := object{"description": http.StatusText(status)}
		if v != nil {
			content, err := contentOf(v, schemas)
			if err != nil {
				return nil, err
			}
			response["content"] = content
		}
		responses[strconv.Itoa(status)] = response
	}
	failures := slices.Concat(rt.errors, []int{400, 401, 403, 421, 500})
	if rt.method != http.MethodGet {
		failures = append(failures, 408, 413, 415, 422)
	}
	for _, status := range failures {
		responses[strconv.Itoa(status)] = object{"$ref": "#/components/responses/Problem"}
	}
	op["responses"] = responses
	return op, nil
}

var pathParam = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{(\w+)\}`) })

func parameters(rt route) []any {
	var params []any
	for _, m := range pathParam().FindAllStringSubmatch(rt.path, -1) {
		schema := object{"type": "string"}
		if m[1] == "event" {
			schema["enum"] = SimEvents()
		}
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": schema})
	}
	for _, p := range rt.query {
		schema := object{"type": p.kind}
		if p.kind == "date-time" {
			schema = object{"type": "string", "format": p.kind}
		}
		params = append(params, object{"name": p.name, "in": "query", "description": p.doc, "schema": schema})
	}
	return params
}

func contentOf(v any, schemas object) (object, error) {
	if mime, ok := v.(string); ok {
		return object{mime: object{}}, nil
	}
	schema, err := schemaOf(v, schemas, false)
	if err != nil {
		return nil, err
	}
	return object{"application/json": object{"schema": schema}}, nil
}

// schemaOf adds the schema of v, and of all that it holds, to the components. Only what is sent to
// the server is strict: an answer may gain members.
func schemaOf(v any, schemas object, strict bool) (object, error) {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Slice {
		items, err := schemaOf(reflect.Zero(t.Elem()).Interface(), schemas, strict)
		return object{"type": "array", "items": items}, err
	}
	reflector := jsonschema.Reflector{Anonymous: true, Namer: schemaName, AllowAdditionalProperties: !strict}
	raw, err := json.Marshal(reflector.ReflectFromType(t))
	if err != nil {
		return nil, err
	}
	raw = []byte(strings.ReplaceAll(string(raw), "#/$defs/", "#/components/schemas/"))
	var whole object
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, err
	}
	defs, _ := whole["$defs"].(object)
	for name, schema := range defs {
		schemas[name] = schema
	}
	return object{"$ref": "#/components/schemas/" + schemaName(t)}, nil
}

func schemaName(t reflect.Type) string {
	name := t.Name()
	if name == "" { // pointers and slices have none
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
