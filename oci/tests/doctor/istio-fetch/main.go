// The cache and fetcher of Istio's agent, asked about images: a reference a line on standard input (oci://HOST/REPOSITORY...),
// a JSON object a line on standard output.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	istiolog "istio.io/istio/pkg/log"
	"istio.io/istio/pkg/wasm"
)

type verdict struct {
	Reference string `json:"reference"`
	Accepted  bool   `json:"accepted"`
	// The digest of the manifest that was taken.
	Manifest string `json:"manifest,omitempty"`
	// SHA-256 of the module.
	Module string `json:"module,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	// It logs to standard output, where the verdicts go.
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	folder, err := os.MkdirTemp("", "istio-fetch-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	cache := wasm.NewLocalFileCache(folder, wasm.Options{})
	defer cache.Cleanup()
	output := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if reference := strings.TrimSpace(lines.Text()); reference != "" {
			if err := output.Encode(ask(cache, reference)); err != nil {
				log.Fatal(err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func ask(cache *wasm.LocalFileCache, reference string) verdict {
	checksum := ""
	// As the agent does with a digest in the address.
	if _, digest, found := strings.Cut(reference, "@sha256:"); found {
		checksum = digest
	}
	options := wasm.GetOptions{Checksum: checksum, ResourceName: reference, RequestTimeout: 20 * time.Second, PullSecret: []byte(`{"auths":{}}`)}
	path, err := cache.Get(reference, options)
	if err != nil {
		return verdict{Reference: reference, Error: err.Error()}
	}
	module, err := os.ReadFile(path)
	if err != nil {
		return verdict{Reference: reference, Error: err.Error()}
	}
	sum := sha256.Sum256(module)
	manifest := strings.TrimSuffix(filepath.Base(path), ".wasm")
	return verdict{Reference: reference, Accepted: true, Manifest: "sha256:" + manifest, Module: hex.EncodeToString(sum[:])}
}
