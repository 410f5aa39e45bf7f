# Installs kache for the user who calls it, under Windows; for PowerShell 5.1 and newer. -Help shows how.
#
#   powershell -ExecutionPolicy Bypass -File installers\install.ps1 -FromSource
#
# Everything is in functions that the last line calls: of a file that was cut short, nothing is run.

param(
    [string] $BaseUrl = $env:KACHE_INSTALL_BASE_URL,
    [string] $Archive = '',
    [switch] $FromSource,
    [string] $SourceDir = '',
    [string] $BinDir = $env:KACHE_INSTALL_DIR,
    [string] $PublicKey = $env:KACHE_INSTALL_PUBLIC_KEY,
    [switch] $RequireSignature,
    [switch] $NoModifyPath,
    [switch] $NoInit,
    [switch] $Yes,
    [switch] $DryRun,
    [switch] $Force,
    [switch] $Uninstall,
    [switch] $Purge,
    [switch] $Help
)

function Get-Release {
    # Written when a release is made; a clone builds from its sources.
    $release_version = ''
    $release_url = ''
    $release_key = ''
    $release_sums = ''
    $release = @{ Version = $release_version; Url = $release_url; Key = $release_key; Sums = $release_sums }
    $release.From = $release_url
    if ($BaseUrl) { $release.From = $BaseUrl.TrimEnd('/') }
    if ($PublicKey) { $release.Key = $PublicKey }
    return $release
}

function Show-Help {
    Write-Host (@(
        'Installs kache for the user who calls it.'
        ''
        '  install.ps1 -FromSource [-SourceDir DIR]   build the clone that this script is in, or DIR, with cargo'
        '  install.ps1 -Archive FILE                  install from a release archive on this machine'
        '  install.ps1 [-BaseUrl URL]                 download the release; also KACHE_INSTALL_BASE_URL, also file://'
        '  install.ps1 -Uninstall [-Purge]            take everything back; with -Purge the store goes as well'
        ''
        '  -Yes                ask nothing; also where nobody can be asked, and in CI'
        '  -DryRun             print what would be written and run, and change nothing'
        '  -BinDir DIR         where the program goes (default: %LOCALAPPDATA%\kache\bin); also KACHE_INSTALL_DIR'
        '  -NoModifyPath       leave the Path of the user alone'
        '  -NoInit             do not run `kache init`, which has cargo call kache'
        '  -RequireSignature   fail where the signature cannot be checked (minisign or rsign)'
        '  -PublicKey KEY      the minisign key to check with; also KACHE_INSTALL_PUBLIC_KEY'
        '  -Force              take the place of a kache that something else installed; -Uninstall puts it back'
    ) -join "`n")
}

function Get-FullPath([string] $Path) {
    return $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
}

function Get-Places([string] $Bin) {
    if (-not $env:LOCALAPPDATA) { throw 'LOCALAPPDATA is not set: it names the directory for the programs of a user' }
    $own = Join-Path $env:LOCALAPPDATA 'kache'
    if (-not $Bin) { $Bin = Join-Path $own 'bin' }
    $Bin = (Get-FullPath $Bin).TrimEnd('\')
    $program = Join-Path $Bin 'kache.exe'
    return @{
        Own = $own
        Bin = $Bin
        Program = $program
        Previous = Join-Path $Bin 'kache.prev.exe'
        New = Join-Path $Bin "kache.new.$PID.exe"
        Old = Join-Path $Bin "kache.old.$PID.exe"
        Receipt = Join-Path $own 'receipt.json'
        # One line for each thing that was put anywhere: `file PATH`, or `foreign PATH` for a program of somebody else's.
        Manifest = Join-Path $own 'installed'
        Completions = Join-Path $own 'completions\kache.ps1'
    }
}

# Known before anything is downloaded or built.
function Assert-Places($Places) {
    foreach ($dir in @($Places.Bin, $Places.Own)) {
        for ($at = $dir; $at; $at = [IO.Path]::GetDirectoryName($at)) {
            if ([IO.File]::Exists($at)) { throw "kache cannot be put into ${dir}: $at is not a directory" }
        }
    }
    if ([IO.Directory]::Exists($Places.Program)) { throw "$($Places.Program) is a directory: move it away, or say another one with -BinDir" }
}

function Test-Interactive {
    return (-not $Yes -and -not $env:CI -and [Environment]::UserInteractive -and -not [Console]::IsInputRedirected)
}

# Runs a program, of which standard error is no failure of this script, and answers its exit code.
function Invoke-Native([string] $Program, [string[]] $Arguments) {
    $ErrorActionPreference = 'Continue'
    & $Program @Arguments | Out-Host
    return $LASTEXITCODE
}

function Find-Program([string[]] $Names) {
    foreach ($name in $Names) {
        $found = Get-Command $name -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
        if ($found) { return $found.Source }
    }
    return ''
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

function Get-Url([string] $Url, [string] $To) {
    $curl = Find-Program 'curl.exe'
    if (-not $curl) {
        (New-Object System.Net.WebClient).DownloadFile($Url, $To)
        return
    }
    # What begins with https stays with it, wherever it is sent on to.
    $protocol = '=http'
    if ($Url -like 'https:*') { $protocol = '=https' }
    $how = @('--fail', '--silent', '--show-error', '--location', '--proto', $protocol, '--retry', '3', '--output', $To, $Url)
    if ((Invoke-Native $curl $how) -ne 0) { throw "$Url cannot be downloaded" }
}

function Get-Asset([string] $From, [string] $Name, [string] $Stage) {
    $to = Join-Path $Stage $Name
    if ($Archive) {
        [IO.File]::Copy((Join-Path $From $Name), $to, $true)
    } elseif ($From -like 'file://*') {
        [IO.File]::Copy(([Uri] "$From/$Name").LocalPath, $to, $true)
    } elseif ($From -match '^(https:|http://(127\.0\.0\.1|localhost)[:/])') {
        Get-Url "$From/$Name" $to
    } else {
        throw "this address is neither https:// nor file://: $From"
    }
    return $to
}

# The sum that a list of `<sum>  <name>` has for a name.
function Get-ListedSum([string] $List, [string] $Name) {
    foreach ($line in $List -split "`n") {
        $parts = $line.Trim() -split '\s+\*?', 2
        if ($parts.Count -eq 2 -and $parts[1] -eq $Name) { return $parts[0] }
    }
    return ''
}

# Checks what was downloaded against what this script knows, or else what stands beside it.
function Assert-Sum($Release, [string] $From, [string] $Name, [string] $Stage) {
    $expected = Get-ListedSum $Release.Sums $Name
    foreach ($list in @('SHA256SUMS', "$Name.sha256")) {
        if ($expected) { break }
        try { $file = Get-Asset $From $list $Stage } catch { continue }
        $expected = Get-ListedSum ([IO.File]::ReadAllText($file)) $Name
    }
    if (-not $expected) { throw "there is no checksum for ${Name}: SHA256SUMS or $Name.sha256 has to stand beside it" }
    $actual = (Get-FileHash -Algorithm SHA256 -LiteralPath (Join-Path $Stage $Name)).Hash
    if ($expected -ne $actual) {
        throw "$Name is not what was released: its checksum is $actual, and should be $expected; nothing was installed"
    }
}

function Assert-Signature($Release, [string] $From, [string] $Name, [string] $Stage) {
    if (-not $Release.Key) {
        if ($RequireSignature) { throw 'no key is known to check the signature with: say -PublicKey KEY' }
        return
    }
    $tool = Find-Program @('minisign', 'rsign')
    if (-not $tool) {
        if ($RequireSignature) { throw 'there is neither minisign nor rsign to check the signature with' }
        Write-Host 'note: the signature is not checked: there is neither minisign nor rsign'
        return
    }
    try { $signature = Get-Asset $From "$Name.sig" $Stage } catch { throw "there is no signature for $Name; nothing was installed" }
    $signed = Join-Path $Stage $Name
    $how = @('-V', '-q', '-P', $Release.Key, '-x', $signature, '-m', $signed)
    if ((Split-Path -Leaf $tool) -like 'rsign*') { $how = @('verify', '-q', '-P', $Release.Key, '-x', $signature, $signed) }
    if ((Invoke-Native $tool $how) -ne 0) { throw "the signature of $Name is not from the key $($Release.Key); nothing was installed" }
}

# Unpacks a release; answers the directory in it. Nothing in it leads elsewhere.
function Expand-Release([string] $Name, [string] $Stage) {
    $tree = $Name -replace '\.zip$', ''
    $packed = Join-Path $Stage $Name
    Add-Type -AssemblyName System.IO.Compression.FileSystem
    $zip = [IO.Compression.ZipFile]::OpenRead($packed)
    try {
        foreach ($entry in $zip.Entries) {
            $path = $entry.FullName -replace '\\', '/'
            if (-not $path.StartsWith("$tree/") -or $path.Contains('..') -or $path.Contains(':')) {
                throw "$Name holds files that do not belong there; nothing was installed"
            }
        }
    } finally {
        $zip.Dispose()
    }
    [IO.Compression.ZipFile]::ExtractToDirectory($packed, $Stage)
    $tree = Join-Path $Stage $tree
    if (-not [IO.File]::Exists((Join-Path $tree 'kache.exe'))) { throw "$Name holds no kache.exe; nothing was installed" }
    return $tree
}

function Get-SourceDir {
    $from = $SourceDir
    if (-not $from) {
        if (-not $PSScriptRoot) { throw 'this script is in no clone: say -SourceDir DIR' }
        $from = Split-Path -Parent $PSScriptRoot
    }
    $from = Get-FullPath $from
    $manifest = Join-Path $from 'Cargo.toml'
    $is_ours = [IO.File]::Exists($manifest) -and ([IO.File]::ReadAllLines($manifest) -contains 'name = "kache"')
    if (-not $is_ours) { throw "there are no sources of kache in ${from}: say where they are with -SourceDir DIR" }
    if (-not (Find-Program 'cargo')) { throw 'there is no cargo on Path: install Rust first' }
    return $from
}

# Run in the sources, so that their toolchain and their directory for builds are used.
function Build-Program([string] $From, [string] $Stage) {
    $built = Join-Path $Stage 'built'
    $wrapper = $env:RUSTC_WRAPPER
    $target_dir = $env:CARGO_TARGET_DIR
    Push-Location -LiteralPath $From
    try {
        # A variable that is empty is none here, so that the configuration of cargo has to say that there is no wrapper.
        $env:RUSTC_WRAPPER = $null
        if (-not $target_dir) { $env:CARGO_TARGET_DIR = Join-Path $From 'target' }
        $how = @('--config', "build.rustc-wrapper=''", 'install', '--path', '.', '--locked', '--no-track', '--root', $built)
        if ((Invoke-Native 'cargo' $how) -ne 0) { throw "cargo could not build $From; nothing was installed" }
        $target = (& rustc -vV) -match '^host: ' -replace '^host: ', ''
    } finally {
        Pop-Location
        $env:RUSTC_WRAPPER = $wrapper
        $env:CARGO_TARGET_DIR = $target_dir
    }
    return @{ Program = Join-Path $built 'bin\kache.exe'; Completions = Join-Path $From 'completions'; Target = [string] $target }
}

# Where releases are, as far as that is known.
function Assert-Known($Release) {
    if ($FromSource -or $Archive) { return }
    if (-not $Release.From -or $Release.From -like '*.invalid/*') {
        throw 'this script does not know where releases are: say -FromSource in a clone, or -Archive FILE, or -BaseUrl URL'
    }
}

function Get-Program($Release, [string] $Stage) {
    if ($FromSource) { return Build-Program (Get-SourceDir) $Stage }
    if ($Archive) {
        $file = Get-FullPath $Archive
        if (-not [IO.File]::Exists($file)) { throw "there is no file $Archive" }
        $from = Split-Path -Parent $file
        $name = Split-Path -Leaf $file
    } else {
        $from = $Release.From
        $name = "kache-$(Get-Target).zip"
    }
    $null = Get-Asset $from $name $Stage
    Assert-Sum $Release $from $name $Stage
    Assert-Signature $Release $from $name $Stage
    $tree = Expand-Release $name $Stage
    $target = $name -replace '^kache-', '' -replace '\.zip$', ''
    return @{ Program = Join-Path $tree 'kache.exe'; Completions = Join-Path $tree 'completions'; Target = $target }
}

function Test-Program([string] $Program) {
    try { & $Program --version | Out-Null } catch { return $false }
    return $LASTEXITCODE -eq 0
}

# .NET fails where the directory is not there, either.
function Remove-File([string] $Path) {
    if ([IO.File]::Exists($Path)) { [IO.File]::Delete($Path) }
}

# Notes in the manifest what is about to be made, once.
function Add-Record($Places, [string] $Line) {
    if ((Get-Records $Places) -contains $Line) { return }
    $null = [IO.Directory]::CreateDirectory($Places.Own)
    [IO.File]::AppendAllText($Places.Manifest, "$Line`n")
}

function Get-Records($Places) {
    if ([IO.File]::Exists($Places.Manifest)) { return @([IO.File]::ReadAllLines($Places.Manifest)) }
    return @()
}

function Test-Foreign($Places) {
    return (@(Get-Records $Places) -contains "foreign $($Places.Program)")
}

# The program is tried beside its place, exchanged, and tried again. What was there stays as Old: what runs cannot be
# written over under Windows, but it can be renamed.
function Install-Program($Places, [string] $Built) {
    $null = [IO.Directory]::CreateDirectory($Places.Bin)
    [IO.File]::Copy($Built, $Places.New, $true)
    if (-not (Test-Program $Places.New)) { throw 'this kache does not run here; nothing was installed' }
    if ([IO.File]::Exists($Places.Program)) {
        if (-not [IO.File]::Exists($Places.Receipt)) { Add-Record $Places "foreign $($Places.Program)" }
        [IO.File]::Move($Places.Program, $Places.Old)
    }
    [IO.File]::Move($Places.New, $Places.Program)
    if (-not (Test-Program $Places.Program)) { throw 'the new kache did not run where it was put' }
}

# What was there becomes the previous one. One that was not ours is what -Uninstall puts back: upgrades do not take its place.
function Save-Previous($Places) {
    if (-not [IO.File]::Exists($Places.Old)) { return }
    if ((Test-Foreign $Places) -and [IO.File]::Exists($Places.Previous)) {
        Remove-File $Places.Old
    } else {
        Remove-File $Places.Previous
        [IO.File]::Move($Places.Old, $Places.Previous)
    }
}

# As it was before this run: the program, and the files $Before of bytes by path.
function Restore-Before($Places, $Before) {
    Remove-File $Places.New
    if ([IO.File]::Exists($Places.Old)) {
        Remove-File $Places.Program
        [IO.File]::Move($Places.Old, $Places.Program)
    } elseif (-not $Before.Program) {
        Remove-File $Places.Program
    }
    foreach ($path in @($Before.Files.Keys)) {
        if ($null -eq $Before.Files[$path]) { Remove-File $path } else { [IO.File]::WriteAllBytes($path, $Before.Files[$path]) }
    }
    Remove-EmptyDirs $Places
}

function Remove-EmptyDirs($Places) {
    foreach ($dir in @((Split-Path -Parent $Places.Completions), $Places.Bin, $Places.Own)) {
        if ([IO.Directory]::Exists($dir) -and -not [IO.Directory]::GetFileSystemEntries($dir)) { [IO.Directory]::Delete($dir) }
    }
}

# Where completions go, by their name in a release. Nushell reads its own where it is; for PowerShell a profile has to.
function Get-CompletionPlaces($Places) {
    $to = @{ '_kache.ps1' = $Places.Completions }
    if ($env:APPDATA -and [IO.Directory]::Exists((Join-Path $env:APPDATA 'nushell'))) {
        $to['kache.nu'] = Join-Path $env:APPDATA 'nushell\autoload\kache-completions.nu'
    }
    return $to
}

function Install-Completions($Places, [string] $From) {
    $to = Get-CompletionPlaces $Places
    foreach ($name in @($to.Keys)) {
        $file = Join-Path $From $name
        $is_foreign = [IO.File]::Exists($to[$name]) -and (@(Get-Records $Places) -notcontains "file $($to[$name])")
        if ($is_foreign) { Write-Host "note: $($to[$name]) is not from this script; it was left alone" }
        if ($is_foreign -or -not [IO.File]::Exists($file)) { continue }
        Add-Record $Places "file $($to[$name])"
        $null = [IO.Directory]::CreateDirectory((Split-Path -Parent $to[$name]))
        [IO.File]::Copy($file, $to[$name], $true)
    }
}

# The user's Path as it is written, with variables in it left as they are.
function Edit-Path([string] $Bin, [bool] $Add) {
    $key = [Microsoft.Win32.Registry]::CurrentUser.CreateSubKey('Environment')
    try {
        $path = [string] $key.GetValue('Path', '', 'DoNotExpandEnvironmentNames')
        $parts = @($path -split ';' | Where-Object { $_ -and $_ -ne $Bin })
        $had = @($path -split ';') -contains $Bin
        if ($Add -eq $had) { return }
        if ($Add) { $parts = @($Bin) + $parts }
        $key.SetValue('Path', ($parts -join ';'), 'ExpandString')
    } finally {
        $key.Close()
    }
    # Setting a variable through .NET tells other programs that the environment changed.
    [Environment]::SetEnvironmentVariable('KACHE_INSTALLER', '1', 'User')
    [Environment]::SetEnvironmentVariable('KACHE_INSTALLER', $null, 'User')
}

# Answers whether programs that start from now on find kache only there.
function Add-ToPath($Places) {
    if ($env:GITHUB_PATH) {
        [IO.File]::AppendAllText($env:GITHUB_PATH, "$($Places.Bin)`n")
        return $false
    }
    if (@($env:Path -split ';') -contains $Places.Bin) { return $false }
    if ($NoModifyPath) {
        Write-Host "note: $($Places.Bin) is not on Path"
        return $false
    }
    Edit-Path $Places.Bin $true
    return $true
}

# Says what was installed how: `kache self-update` only replaces what is written here.
function Write-Receipt($Places, $Release, [string] $Target) {
    $version = (& $Places.Program --version) -replace '^kache ', ''
    $method = 'installer'
    if ($FromSource) { $method = 'source' }
    $url = $Release.Url
    if (-not $Archive -and -not $FromSource) { $url = $Release.From }
    # Where all releases are, and not this one.
    $url = $url -replace '/(latest/download|download/v[^/]*)$', ''
    $receipt = [ordered] @{
        format = 1; method = $method; version = $version; target = $Target; path = $Places.Program; base_url = $url
    }
    # Without the mark that PowerShell 5.1 would begin the file with.
    [IO.File]::WriteAllText($Places.Receipt, (ConvertTo-Json $receipt))
    return $version
}

function Show-Plan($Places, $Release) {
    if ($FromSource) {
        Write-Host "would run: cargo install --path $(Get-SourceDir) --locked"
    } elseif ($Archive) {
        Write-Host "would unpack: $Archive, and check it"
    } else {
        Write-Host "would download: $($Release.From)/kache-$(Get-Target).zip, and check it"
    }
    Write-Host "would write: $($Places.Program)"
    if ([IO.File]::Exists($Places.Program)) { Write-Host "would keep: $($Places.Previous)" }
    foreach ($path in (Get-CompletionPlaces $Places).Values) { Write-Host "would write: $path" }
    Write-Host "would write: $($Places.Receipt)"
    if ($env:GITHUB_PATH) {
        Write-Host "would add $($Places.Bin) to $env:GITHUB_PATH"
    } elseif (-not $NoModifyPath) {
        Write-Host "would add to Path: $($Places.Bin)"
    }
    if (-not $NoInit) { Write-Host "would run: $($Places.Program) init" }
    Write-Host 'Nothing was changed.'
}

function Install-Kache($Places, $Release) {
    Assert-Known $Release
    Assert-Places $Places
    if ([IO.File]::Exists($Places.Program) -and -not [IO.File]::Exists($Places.Receipt) -and -not $Force) {
        throw "there is a kache already that this script did not install: $($Places.Program); remove it, or say -Force"
    }
    if ($DryRun) {
        Show-Plan $Places $Release
        return
    }
    $before = @{ Program = [IO.File]::Exists($Places.Program); Files = @{} }
    foreach ($path in @($Places.Receipt, $Places.Manifest) + @((Get-CompletionPlaces $Places).Values)) {
        $before.Files[$path] = $null
        if ([IO.File]::Exists($path)) { $before.Files[$path] = [IO.File]::ReadAllBytes($path) }
    }
    $stage = Join-Path ([IO.Path]::GetTempPath()) "kache-install-$([Guid]::NewGuid())"
    $null = [IO.Directory]::CreateDirectory($stage)
    $done = $false
    # `finally` is reached by Ctrl-C, too.
    try {
        $made = Get-Program $Release $stage
        Install-Program $Places $made.Program
        $null = [IO.Directory]::CreateDirectory($Places.Own)
        Install-Completions $Places $made.Completions
        $version = Write-Receipt $Places $Release $made.Target
        $is_new_on_path = Add-ToPath $Places
        $done = $true
        Save-Previous $Places
    } finally {
        if (-not $done) { Restore-Before $Places $before }
        Remove-Item -Recurse -Force -LiteralPath $stage
    }
    Show-End $Places $version $is_new_on_path
    if (-not $NoInit) { Start-Init $Places.Program }
}

function Show-End($Places, [string] $Version, [bool] $IsNewOnPath) {
    Write-Host "kache $Version is installed: $($Places.Program)"
    if ($IsNewOnPath) { Write-Host "New windows find it; this one does after: `$env:Path = '$($Places.Bin);' + `$env:Path" }
    $found = Find-Program 'kache'
    if ($found -and $found -ne $Places.Program) { Write-Host "note: another kache comes first on Path: $found" }
    if ([IO.File]::Exists($Places.Completions)) { Write-Host "For completions in PowerShell, put this into `$PROFILE: . '$($Places.Completions)'" }
    if ($NoInit) { Write-Host "To have cargo call it: $($Places.Program) init" }
}

function Start-Init([string] $Program) {
    # What it asks needs the terminal itself.
    if (Test-Interactive) { & $Program init } else { & $Program init -y }
    if ($LASTEXITCODE -ne 0) { throw "kache is installed, but cargo does not call it yet: run $Program init" }
}

# Without a kache to ask: what in cargo's own configuration still names the one that was installed.
function Assert-NotWired([string] $Program) {
    $home_of_cargo = $env:CARGO_HOME
    if (-not $home_of_cargo) { $home_of_cargo = Join-Path $env:USERPROFILE '.cargo' }
    foreach ($name in @('config.toml', 'config')) {
        $file = Join-Path $home_of_cargo $name
        if (-not [IO.File]::Exists($file)) { continue }
        foreach ($line in [IO.File]::ReadAllLines($file)) {
            if ($line -match '^\s*#' -or $line -notmatch 'rustc-wrapper.*kache') { continue }
            throw "$Program is gone, and cargo still calls it, so that nothing was removed: remove this line from ${file}, then run this again: $line"
        }
    }
}

function Uninstall-Kache($Places) {
    if (-not [IO.File]::Exists($Places.Receipt)) {
        Write-Host 'Nothing to do: this script has not installed kache.'
        return
    }
    $recorded = ([IO.File]::ReadAllText($Places.Receipt) | ConvertFrom-Json).path
    $Places = Get-Places (Split-Path -Parent $recorded)
    $files = @(Get-Records $Places | Where-Object { $_ -like 'file *' } | ForEach-Object { $_.Substring(5) })
    $is_foreign = Test-Foreign $Places
    if ($DryRun) {
        Write-Host "would run: $recorded uninstall"
        if ($is_foreign) { Write-Host "would put back: $recorded" } else { Write-Host "would remove: $recorded, $($Places.Previous)" }
        foreach ($file in @($files) + @($Places.Receipt)) { Write-Host "would remove: $file" }
        Write-Host "would remove from Path: $($Places.Bin)"
        Write-Host 'Nothing was changed.'
        return
    }
    if ((Test-Interactive) -and (Read-Host "Remove kache from ${recorded}? [y/N]") -notlike 'y*') {
        Write-Host 'Nothing was changed.'
        return
    }
    # Cargo first: one that calls a program that is not there builds nothing.
    $unwiring = $recorded
    if (-not [IO.File]::Exists($unwiring) -and -not $is_foreign) { $unwiring = $Places.Previous }
    if (-not [IO.File]::Exists($unwiring)) {
        Assert-NotWired $recorded
    } else {
        $how = @('uninstall', '-y')
        if ($Purge) { $how += '--purge' }
        if ((Invoke-Native $unwiring $how) -ne 0) { throw 'cargo may still call kache, so that nothing was removed' }
    }
    foreach ($file in @($recorded) + @($files) + @($Places.Receipt, $Places.Manifest)) { Remove-File $file }
    if ([IO.File]::Exists($Places.Previous)) {
        if ($is_foreign) { [IO.File]::Move($Places.Previous, $recorded) } else { Remove-File $Places.Previous }
    }
    Edit-Path $Places.Bin $false
    Remove-EmptyDirs $Places
    Write-Host 'kache is removed.'
}

function Invoke-Main {
    $ErrorActionPreference = 'Stop'
    if ($Help) {
        Show-Help
        return
    }
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    $places = Get-Places $BinDir
    if ($Uninstall) { Uninstall-Kache $places } else { Install-Kache $places (Get-Release) }
}

Invoke-Main
