module edgestore.dev/e2e/tools/kwok

go 1.26.0
