# Installs kache for the user who calls it, under Windows; for PowerShell 5.1 and newer.
#
#   powershell -ExecutionPolicy Bypass -File installers\install.ps1 -FromSource
#   powershell -ExecutionPolicy Bypass -File install.ps1 [-BaseUrl URL] [-Archive FILE] [-DryRun] [-NoInit] [-Uninstall]
#
# Everything is in functions that the last line calls: of a file that was cut short, nothing is run.

param(
    [string] $BaseUrl = $env:KACHE_INSTALL_BASE_URL,
    [string] $Archive = '',
    [switch] $FromSource,
    [string] $SourceDir = '',
    [string] $BinDir = $env:KACHE_INSTALL_DIR,
    [switch] $NoModifyPath,
    [switch] $NoInit,
    [switch] $DryRun,
    [switch] $Force,
    [switch] $Uninstall,
    [switch] $Purge
)

function Get-Release {
    # Written when a release is made; a clone builds from its sources.
    $release_version = ''
    $release_url = ''
    $release_key = ''
    $release_sums = ''
    return @{ Version = $release_version; Url = $release_url; Key = $release_key; Sums = $release_sums }
}

function Get-Places {
    $data = Join-Path $env:LOCALAPPDATA 'kache'
    if (-not $BinDir) { $script:BinDir = Join-Path $data 'bin' }
    return @{
        Own = $data
        Program = Join-Path $BinDir 'kache.exe'
        Previous = Join-Path $BinDir 'kache.prev.exe'
        Receipt = Join-Path $data 'receipt.json'
    }
}

function Get-Target {
    # PROCESSOR_ARCHITEW6432 is set in a process that is narrower than the system.
    $processor = $env:PROCESSOR_ARCHITEW6432
    if (-not $processor) { $processor = $env:PROCESSOR_ARCHITECTURE }
    switch ($processor) {
        'AMD64' { return 'x86_64-pc-windows-msvc' }
        'ARM64' { return 'aarch64-pc-windows-msvc' }
        default { throw "there is no release for the processor $processor; build it with -FromSource" }
    }
}

function Get-ListedSum([string] $List, [string] $Name) {
    foreach ($line in $List -split "`n") {
        $parts = $line.Trim() -split '\s+\*?', 2
        if ($parts.Count -eq 2 -and $parts[1] -eq $Name) { return $parts[0] }
    }
    return ''
}

function Get-Asset([string] $From, [string] $Name, [string] $Stage) {
    $to = Join-Path $Stage $Name
    if ($Archive) {
        Copy-Item -LiteralPath (Join-Path $From $Name) -Destination $to
    } elseif ($From -match '^(https:|http://(127\.0\.0\.1|localhost)[:/]|file:)') {
        (New-Object System.Net.WebClient).DownloadFile("$From/$Name", $to)
    } else {
        throw "this address is neither https:// nor file://: $From"
    }
    return $to
}

function Assert-Sum($Release, [string] $From, [string] $Name, [string] $Stage) {
    $expected = Get-ListedSum $Release.Sums $Name
    if (-not $expected) {
        try { $list = Get-Asset $From "$Name.sha256" $Stage } catch { throw "there is no checksum for $Name; nothing was installed" }
        $expected = Get-ListedSum (Get-Content -Raw -LiteralPath $list) $Name
    }
    $actual = (Get-FileHash -Algorithm SHA256 -LiteralPath (Join-Path $Stage $Name)).Hash
    if ($expected -ne $actual) {
        throw "$Name is not what was released: its checksum is $actual, and should be $expected; nothing was installed"
    }
}

function Get-Program($Release, [string] $Stage) {
    if ($FromSource) {
        $from = $SourceDir
        if (-not $from) { $from = Split-Path -Parent $PSScriptRoot }
        $wrapper = $env:RUSTC_WRAPPER
        # Standard error of cargo is no failure of this script.
        $ErrorActionPreference = 'Continue'
        try {
            $env:RUSTC_WRAPPER = ''
            & cargo install --path $from --locked --no-track --root $Stage | Out-Host
        } finally {
            $env:RUSTC_WRAPPER = $wrapper
        }
        if ($LASTEXITCODE -ne 0) { throw "cargo could not build $from; nothing was installed" }
        return Join-Path $Stage 'bin\kache.exe'
    }
    if ($Archive) {
        $from = Split-Path -Parent (Resolve-Path -LiteralPath $Archive)
        $name = Split-Path -Leaf $Archive
    } else {
        $from = $BaseUrl.TrimEnd('/')
        $name = "kache-$(Get-Target).zip"
    }
    $null = Get-Asset $from $name $Stage
    Assert-Sum $Release $from $name $Stage
    if ($Release.Key -and (Get-Command minisign -ErrorAction SilentlyContinue)) {
        $signed = Join-Path $Stage $name
        $signature = Get-Asset $from "$name.sig" $Stage
        & minisign -V -q -P $Release.Key -x $signature -m $signed
        if ($LASTEXITCODE -ne 0) { throw "the signature of $name is not from the key $($Release.Key); nothing was installed" }
    }
    Expand-Archive -LiteralPath (Join-Path $Stage $name) -DestinationPath $Stage
    return Join-Path $Stage ($name -replace '\.zip$', '\kache.exe')
}

function Test-Program([string] $Program) {
    try { & $Program --version | Out-Null } catch { return $false }
    return $LASTEXITCODE -eq 0
}

# What runs cannot be written over under Windows, but it can be renamed.
function Install-Program($Places, [string] $Built) {
    $new = Join-Path $BinDir "kache.new.$PID.exe"
    Copy-Item -LiteralPath $Built -Destination $new
    if (-not (Test-Program $new)) {
        Remove-Item -LiteralPath $new
        throw 'this kache does not run here; nothing was installed'
    }
    $old = Join-Path $BinDir "kache.old.$PID.exe"
    $had = Test-Path -LiteralPath $Places.Program
    if ($had) { Move-Item -LiteralPath $Places.Program -Destination $old }
    $done = $false
    # `finally` is reached by Ctrl-C, too.
    try {
        Move-Item -LiteralPath $new -Destination $Places.Program
        if (-not (Test-Program $Places.Program)) { throw 'the new kache did not run where it was put' }
        if ($had -and (Test-Path -LiteralPath $Places.Previous)) { Remove-Item -Force -LiteralPath $Places.Previous }
        $done = $true
        if ($had) { Move-Item -LiteralPath $old -Destination $Places.Previous }
    } finally {
        if (-not $done) {
            foreach ($file in @($new, $Places.Program)) {
                if (Test-Path -LiteralPath $file) { Remove-Item -Force -LiteralPath $file }
            }
            if ($had) { Move-Item -LiteralPath $old -Destination $Places.Program }
        }
    }
}

# The user's Path as it is written, with variables in it left as they are.
function Edit-Path([bool] $Add) {
    $key = [Microsoft.Win32.Registry]::CurrentUser.OpenSubKey('Environment', $true)
    try {
        $path = [string] $key.GetValue('Path', '', 'DoNotExpandEnvironmentNames')
        $parts = @($path -split ';' | Where-Object { $_ -and $_ -ne $BinDir })
        $had = @($path -split ';') -contains $BinDir
        if ($Add -eq $had) { return }
        if ($Add) { $parts = @($BinDir) + $parts }
        $key.SetValue('Path', ($parts -join ';'), 'ExpandString')
    } finally {
        $key.Close()
    }
    # Setting a variable through .NET tells other programs that the environment changed.
    [Environment]::SetEnvironmentVariable('KACHE_INSTALLER', '1', 'User')
    [Environment]::SetEnvironmentVariable('KACHE_INSTALLER', $null, 'User')
}

function Write-Receipt($Places, $Release) {
    $version = (& $Places.Program --version) -replace '^kache ', ''
    $method = 'installer'
    if ($FromSource) { $method = 'source' }
    $url = $Release.Url
    if (-not $Archive -and -not $FromSource) { $url = $BaseUrl }
    # Where all releases are, and not this one.
    $url = $url -replace '/(latest/download|download/v[^/]*)$', ''
    $receipt = [ordered] @{
        format = 1; method = $method; version = $version; target = (Get-Target); path = $Places.Program; base_url = $url
    }
    # Without the mark that PowerShell 5.1 would begin the file with.
    [IO.File]::WriteAllText($Places.Receipt, (ConvertTo-Json $receipt))
    return $version
}

function Install-Kache($Places, $Release) {
    if (-not $FromSource -and -not $Archive -and (-not $BaseUrl -or $BaseUrl -like '*.invalid/*')) {
        throw 'this script does not know where releases are: say -FromSource in a clone, or -Archive FILE, or -BaseUrl URL'
    }
    if ((Test-Path -LiteralPath $Places.Program) -and -not (Test-Path -LiteralPath $Places.Receipt) -and -not $Force) {
        throw "there is a kache already that this script did not install: $($Places.Program); remove it, or say -Force"
    }
    if ($DryRun) {
        Write-Host "would write: $($Places.Program)"
        Write-Host "would write: $($Places.Receipt)"
        if (-not $NoModifyPath) { Write-Host "would add to Path: $BinDir" }
        if (-not $NoInit) { Write-Host "would run: $($Places.Program) init" }
        Write-Host 'Nothing was changed.'
        return
    }
    $stage = Join-Path ([IO.Path]::GetTempPath()) "kache-install-$([Guid]::NewGuid())"
    $null = New-Item -ItemType Directory -Path $stage
    try {
        $built = Get-Program $Release $stage
        $null = New-Item -ItemType Directory -Force -Path $BinDir
        $null = New-Item -ItemType Directory -Force -Path $Places.Own
        Install-Program $Places $built
    } finally {
        Remove-Item -Recurse -Force -LiteralPath $stage
    }
    $version = Write-Receipt $Places $Release
    if ($env:GITHUB_PATH) {
        [IO.File]::AppendAllText($env:GITHUB_PATH, "$BinDir`n")
    } elseif (-not $NoModifyPath) {
        Edit-Path $true
    }
    Write-Host "kache $version is installed: $($Places.Program)"
    if ($NoInit) { return }
    & $Places.Program init -y
    if ($LASTEXITCODE -ne 0) { throw "kache is installed, but cargo does not call it yet: run $($Places.Program) init" }
}

# Without a kache to ask: what in cargo's own configuration still names the one that was installed.
function Assert-NotWired([string] $Program) {
    $home_of_cargo = $env:CARGO_HOME
    if (-not $home_of_cargo) { $home_of_cargo = Join-Path $env:USERPROFILE '.cargo' }
    foreach ($name in @('config.toml', 'config')) {
        $file = Join-Path $home_of_cargo $name
        if (-not (Test-Path -LiteralPath $file)) { continue }
        foreach ($line in Get-Content -LiteralPath $file) {
            if ($line -match '^\s*#' -or $line -notmatch 'rustc-wrapper.*kache') { continue }
            throw "$Program is gone, and cargo still calls it, so that nothing was removed: remove this line from ${file}, then run this again: $line"
        }
    }
}

function Uninstall-Kache($Places) {
    if (-not (Test-Path -LiteralPath $Places.Receipt)) {
        Write-Host 'Nothing to do: this script has not installed kache.'
        return
    }
    $recorded = (Get-Content -Raw -LiteralPath $Places.Receipt | ConvertFrom-Json).path
    $script:BinDir = Split-Path -Parent $recorded
    $Places = Get-Places
    if ($DryRun) {
        Write-Host "would run: $recorded uninstall"
        Write-Host "would remove: $recorded, $($Places.Previous), $($Places.Receipt), and $BinDir from Path"
        return
    }
    # Cargo first: one that calls a program that is not there builds nothing.
    $unwiring = @($recorded, $Places.Previous) | Where-Object { Test-Path -LiteralPath $_ } | Select-Object -First 1
    if (-not $unwiring) {
        Assert-NotWired $recorded
    } else {
        $arguments = @('uninstall', '-y')
        if ($Purge) { $arguments += '--purge' }
        & $unwiring @arguments
        if ($LASTEXITCODE -ne 0) { throw 'cargo may still call kache, so that nothing was removed' }
    }
    foreach ($file in @($recorded, $Places.Previous, $Places.Receipt)) {
        if (Test-Path -LiteralPath $file) { Remove-Item -Force -LiteralPath $file }
    }
    Edit-Path $false
    foreach ($dir in @($BinDir, $Places.Own)) {
        if ((Test-Path -LiteralPath $dir) -and -not (Get-ChildItem -Force -LiteralPath $dir)) { Remove-Item -LiteralPath $dir }
    }
    Write-Host 'kache is removed.'
}

function Invoke-Main {
    $ErrorActionPreference = 'Stop'
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    $release = Get-Release
    if (-not $BaseUrl) { $script:BaseUrl = $release.Url }
    $places = Get-Places
    if ($Uninstall) { Uninstall-Kache $places } else { Install-Kache $places $release }
}

Invoke-Main
