$ErrorActionPreference = 'Stop'
# Cargo first: one that calls a program that is not there builds nothing.
$tools = Split-Path -Parent $MyInvocation.MyCommand.Definition
$program = Join-Path $tools 'kache-x86_64-pc-windows-msvc\kache.exe'
if (Test-Path -LiteralPath $program) {
    & $program uninstall -y --by-installer
    if ($LASTEXITCODE -ne 0) { throw 'cargo may still call kache, so that it was not removed' }
}
