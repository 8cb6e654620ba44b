"""Write-once bytes under their SHA-256."""
