package homekit

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Types of the Access Code service.
const (
	ServiceCodes       = "260"
	TypeCodesSupported = "261"
	TypeCodesControl   = "262"
	TypeCodesState     = "263"
)

// Order writes a TLV, in hexadecimal, to a control point and returns the answer, or the status that it has instead.
func (c *Controller) Order(t testing.TB, id ID, tlv string) (answer string, status int) {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(tlv, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	var got rawAnswer
	err = c.call("raw", map[string]any{"method": "PUT", "path": "/characteristics", "body": map[string]any{
		"characteristics": []map[string]any{{"aid": id.AID, "iid": id.IID, "value": base64.StdEncoding.EncodeToString(raw), "r": true}},
	}}, &got)
	var body struct{ Characteristics []Value }
	if err == nil {
		err = json.Unmarshal(got.Body, &body)
	}
	if err != nil || got.Status != 207 || len(body.Characteristics) != 1 {
		t.Fatalf("HTTP %d, %s, %v", got.Status, got.Body, err)
	}
	if s := body.Characteristics[0].Status; s != 0 {
		return "", s
	}
	text, _ := body.Characteristics[0].Value.(string)
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b), 0
}

// Operations of the control point, as an order and its answer begin.
const (
	CodesList   = "010101"
	CodesRead   = "010102"
	CodesAdd    = "010103"
	CodesUpdate = "010104"
	CodesRemove = "010105"
)

// CodeDigits is a PIN in a request or a response, in hexadecimal as all of these.
func CodeDigits(pin string) string { return fmt.Sprintf("02%02x%x", len(pin), pin) }

// CodeNumber is the number of a code in a request or a response.
func CodeNumber(n int) string { return fmt.Sprintf("0101%02x", n) }

// CodeRequest is a request with these items.
func CodeRequest(items string) string { return fmt.Sprintf("02%02x%s", len(items)/2, items) }

// CodeResponse is a response with these items and a status.
func CodeResponse(status int, items string) string {
	items += fmt.Sprintf("0301000401%02x", status)
	return fmt.Sprintf("03%02x%s", len(items)/2, items)
}

// CodeList is the answer to CodesList with these responses.
func CodeList(responses ...string) string { return CodesList + strings.Join(responses, "0000") }
