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
    [switch] $Check,
    [switch] $Force,
    [switch] $AllowRoot,
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
        '  -DryRun or -Check   print what would be written and run, and change nothing'
        '  -BinDir DIR         where the program goes (default: %LOCALAPPDATA%\kache\bin); also KACHE_INSTALL_DIR'
        '  -NoModifyPath       leave the Path of the user alone'
        '  -NoInit             do not run `kache init`, which has cargo call kache'
        '  -RequireSignature   fail where the signature cannot be checked (minisign or rsign)'
        '  -PublicKey KEY      the minisign key to check with; also KACHE_INSTALL_PUBLIC_KEY'
        '  -Force              take the place of a kache that something else installed; -Uninstall puts it back'
        '  -AllowRoot          go on in a session with the rights of an administrator'
    ) -join "`n")
}

function Get-FullPath([string] $Path) {
    return $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
}

# Without a slash at its end, so that one place has one name.
function Get-TidyDir([string] $Path) {
    $path = [IO.Path]::GetFullPath((Get-FullPath $Path))
    if ($path -eq [IO.Path]::GetPathRoot($path)) { return $path }
    return $path.TrimEnd('\', '/')
}

function Get-Places([string] $Bin) {
    if (-not $env:LOCALAPPDATA) { throw 'LOCALAPPDATA is not set: it names the directory for the programs of a user' }
    $own = Join-Path $env:LOCALAPPDATA 'kache'
    $places = @{
        Own = $own
        Receipt = Join-Path $own 'receipt.json'
        # One line for each thing that was put anywhere: `file PATH`, `dir PATH`, `path DIR` for what was added to Path,
        # `foreign PATH` for a program of somebody else's, and `program PATH`, of which the last is in use.
        Manifest = Join-Path $own 'installed'
        Completions = Join-Path $own 'completions\kache.ps1'
    }
    # Run again, it upgrades the program where that is.
    $programs = @(Get-Programs $places)
    if (-not $Bin -and $programs.Count) { $Bin = [IO.Path]::GetDirectoryName($programs[-1]) }
    if (-not $Bin) { $Bin = Join-Path $own 'bin' }
    $places.Bin = Get-TidyDir $Bin
    $places.Program = Join-Path $places.Bin 'kache.exe'
    $places.Previous = Get-Previous $places.Program
    $places.New = Join-Path $places.Bin "kache.new.$PID.exe"
    $places.Old = Join-Path $places.Bin "kache.old.$PID.exe"
    return $places
}

function Get-Previous([string] $Program) {
    return (Join-Path ([IO.Path]::GetDirectoryName($Program)) 'kache.prev.exe')
}

# What an administrator writes for somebody else, that user may be unable to change or remove.
function Assert-Caller {
    if ($AllowRoot) { return }
    $caller = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $caller.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) { return }
    if ($env:CI) {
        Write-Host 'note: this session has the rights of an administrator'
        return
    }
    throw 'this session has the rights of an administrator, so that nothing was changed: run it in one of the user who shall have kache, or say -AllowRoot if this is meant'
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

# The same where what it says is wanted: its lines, and its exit code as the last.
function Read-Native([string] $Program, [string[]] $Arguments) {
    $ErrorActionPreference = 'Continue'
    $lines = @(& $Program @Arguments 2>&1 | ForEach-Object { "$_" })
    return @($lines) + @("$LASTEXITCODE")
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

# Fails unless a file at this address comes encrypted or from this machine. What follows an `@` would be the host.
function Assert-Url([string] $Url) {
    if ($Url -notmatch '^(https://[^/]|file://|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]*)?(/|$))') {
        throw "this address is neither https:// nor file:// nor http:// on this machine: $Url"
    }
}

function Get-Url([string] $Url, [string] $To) {
    $curl = Find-Program 'curl.exe'
    if ($curl) {
        # What begins with https stays with it, wherever it is sent on to; what is on this machine stays there.
        $how = @('--proto', '=http', '--max-redirs', '0', '--noproxy', '*')
        if ($Url -like 'https:*') { $how = @('--proto', '=https') }
        $how = @('--fail', '--silent', '--show-error', '--location', '--retry', '3') + $how + @('--output', $To, $Url)
        $code = Invoke-Native $curl $how
        if ($code -eq 0) { return }
        # One that cannot run, or cannot read or write files, is not the end.
        if (@(2, 4, 23, 48, 77) -notcontains $code) { throw "$Url cannot be downloaded" }
    }
    Get-UrlByNet $Url $To
}

# A redirection is followed by hand, and only to where something may be downloaded from.
function Get-UrlByNet([string] $Url, [string] $To) {
    $at = New-Object Uri $Url
    for ($n = 0; $n -lt 10; $n++) {
        $request = [Net.WebRequest]::Create($at)
        $request.AllowAutoRedirect = $false
        if ($at.Scheme -eq 'http') { $request.Proxy = $null }
        $response = $request.GetResponse()
        try {
            if ([int] $response.StatusCode -lt 300) {
                $file = [IO.File]::Create($To)
                try { $response.GetResponseStream().CopyTo($file) } finally { $file.Close() }
                return
            }
            $at = New-Object Uri $at, $response.Headers['Location']
        } finally {
            $response.Close()
        }
        if ($at.Scheme -ne 'https') { throw "$Url is sent on to where nothing is downloaded from: $at" }
    }
    throw "$Url is sent on too often"
}

function Get-Asset([string] $From, [string] $Name, [string] $Stage) {
    $to = Join-Path $Stage $Name
    if ($Archive) {
        [IO.File]::Copy((Join-Path $From $Name), $to, $true)
        return $to
    }
    Assert-Url "$From/$Name"
    if ($From -like 'file://*') {
        [IO.File]::Copy(([Uri] "$From/$Name").LocalPath, $to, $true)
    } else {
        Get-Url "$From/$Name" $to
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

# Answers the version that the signature is of; nothing where it cannot be checked, which is said.
function Assert-Signature($Release, [string] $From, [string] $Name, [string] $Stage) {
    $tool = Find-Program @('minisign', 'rsign')
    $missing = ''
    if (-not $tool) { $missing = 'there is neither minisign nor rsign to check the signature with (install minisign)' }
    if (-not $Release.Key) { $missing = 'no key is known to check the signature with (say -PublicKey KEY)' }
    if ($missing) {
        if ($RequireSignature) { throw $missing }
        Write-Host "note: only the checksum of $Name is checked, and not who made it: $missing; with -RequireSignature this is an error"
        return ''
    }
    try { $signature = Get-Asset $From "$Name.sig" $Stage } catch { throw "there is no signature for $Name; nothing was installed" }
    $signed = Join-Path $Stage $Name
    # Both say the trusted comment that they checked; minisign says nothing else.
    $is_rsign = (Split-Path -Leaf $tool) -like 'rsign*'
    $how = @('-V', '-Q', '-P', $Release.Key, '-x', $signature, '-m', $signed)
    if ($is_rsign) { $how = @('verify', '-P', $Release.Key, '-x', $signature, $signed) }
    $said = @(Read-Native $tool $how)
    if ($said[-1] -ne '0') { throw "the signature of $Name is not from the key $($Release.Key); nothing was installed" }
    $comment = $said[0]
    if ($is_rsign) { $comment = [string] (@($said -like 'Trusted comment: *') -replace '^Trusted comment: ', '') }
    return (Get-SignedVersion $Release $From $Name $comment)
}

# A signature is of one release: `kache release format=1 version=0.2.0`, as `kache self-update` reads it. Otherwise an
# old release with a known flaw could be passed off as this one.
function Get-SignedVersion($Release, [string] $From, [string] $Name, [string] $Comment) {
    $words = @($Comment -split '\s+')
    $format = Get-Word $words 'format'
    $version = Get-Word $words 'version'
    $is_named = $words.Count -gt 2 -and $words[0] -ceq 'kache' -and $words[1] -ceq 'release'
    if ($is_named -and $format -and $format -ne '1') {
        throw "this release has format $format, which this script does not know: use the script of that release"
    }
    if (-not $is_named -or -not $format -or -not $version) {
        throw "the signature of $Name does not say which release it is of: $Comment; nothing was installed"
    }
    $expected = $Release.Version
    if (-not $expected -and -not $Archive -and $From -match '/download/v([^/]+)$') { $expected = $Matches[1] }
    if ($expected -and $expected -ne $version) {
        throw "$Name is that of kache $version, and not of $expected; nothing was installed"
    }
    return $version
}

function Get-Word([string[]] $Words, [string] $Name) {
    foreach ($word in $Words) {
        if ($word.StartsWith("$Name=")) { return $word.Substring($Name.Length + 1) }
    }
    return ''
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
    if ($FromSource -and $RequireSignature) { throw 'sources have no signature: leave out -RequireSignature, or install a release' }
    if ($FromSource -or $Archive) { return }
    if (-not $Release.From -or $Release.From -like '*.invalid/*') {
        throw 'this script does not know where releases are: say -FromSource in a clone, or -Archive FILE, or -BaseUrl URL'
    }
    Assert-Url "$($Release.From)/"
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
    $signed_version = Assert-Signature $Release $from $name $Stage
    $tree = Expand-Release $name $Stage
    $target = $name -replace '^kache-', '' -replace '\.zip$', ''
    return @{ Program = Join-Path $tree 'kache.exe'; Completions = Join-Path $tree 'completions'; Target = $target; SignedVersion = $signed_version }
}

function Get-Version([string] $Program) {
    return [string] ((& $Program --version) -replace '^kache ', '')
}

function Test-Program([string] $Program) {
    try { & $Program --version | Out-Null } catch { return $false }
    return $LASTEXITCODE -eq 0
}

# .NET fails where the directory is not there, either.
function Remove-File([string] $Path) {
    if ([IO.File]::Exists($Path)) { [IO.File]::Delete($Path) }
}

# Also of a link that leads nowhere.
function Test-There([string] $Path) {
    try { $null = [IO.File]::GetAttributes($Path) } catch { return $false }
    return $true
}

function Test-Link([string] $Path) {
    return ((Test-There $Path) -and (Get-Item -Force -LiteralPath $Path).LinkType -eq 'SymbolicLink')
}

# Notes in the manifest what is about to be made, once.
function Add-Record($Places, [string] $Line) {
    if (-not (Test-Recorded $Places $Line)) { Add-Line $Places $Line }
}

function Add-Line($Places, [string] $Line) {
    $null = [IO.Directory]::CreateDirectory($Places.Own)
    [IO.File]::AppendAllText($Places.Manifest, "$Line`n")
}

function Get-Records($Places) {
    $records = @()
    if ([IO.File]::Exists($Places.Manifest)) { $records = @([IO.File]::ReadAllLines($Places.Manifest)) }
    if (@($records -like 'program *').Count -or -not [IO.File]::Exists($Places.Receipt)) { return $records }
    # What was installed before programs were noted is known by the receipt.
    $program = ([IO.File]::ReadAllText($Places.Receipt) | ConvertFrom-Json).path
    $noted = @("path $([IO.Path]::GetDirectoryName($program))", "program $program")
    if ($records -notcontains "foreign $program") { $noted += @("file $program", "file $(Get-Previous $program)") }
    return $noted + $records
}

function Test-Recorded($Places, [string] $Line) {
    return (@(Get-Records $Places) -contains $Line)
}

# The programs that were installed, that of the last run last.
function Get-Programs($Places) {
    return @(Get-Records $Places | Where-Object { $_ -like 'program *' } | ForEach-Object { $_.Substring(8) })
}

# Nothing that is put anywhere is a link: one is of somebody who replaced it.
function Test-Ours($Places, [string] $Path) {
    return ((Test-Recorded $Places "file $Path") -and -not (Test-Link $Path))
}

# Makes a directory, and notes those that were not there.
function Add-Dir($Places, [string] $Path) {
    if ([IO.Directory]::Exists($Path)) { return }
    $parent = [IO.Path]::GetDirectoryName($Path)
    if ($parent) { Add-Dir $Places $parent }
    if ($Path -ne $Places.Own) { Add-Record $Places "dir $Path" }
    $null = [IO.Directory]::CreateDirectory($Path)
}

# The program is tried beside its place, exchanged, and tried again. What was there stays as Old: what runs cannot be
# written over under Windows, but it can be renamed.
function Install-Program($Places, $Made) {
    Add-Dir $Places $Places.Bin
    [IO.File]::Copy($Made.Program, $Places.New, $true)
    if (-not (Test-Program $Places.New)) { throw 'this kache does not run here; nothing was installed' }
    $version = @((Get-Version $Places.New) -split ' ')[0]
    if ($Made.SignedVersion -and $Made.SignedVersion -ne $version) {
        throw "this was signed as kache $($Made.SignedVersion), and is kache ${version}; nothing was installed"
    }
    if (Test-There $Places.Program) {
        $is_known = (Test-Ours $Places $Places.Program) -or (Test-Recorded $Places "foreign $($Places.Program)")
        if (-not $is_known) {
            Add-Record $Places "foreign $($Places.Program)"
            $Places.IsNewlyForeign = $true
        }
        [IO.File]::Move($Places.Program, $Places.Old)
    } else {
        Add-Record $Places "file $($Places.Program)"
    }
    [IO.File]::Move($Places.New, $Places.Program)
    if (-not (Test-Program $Places.Program)) { throw 'the new kache did not run where it was put' }
}

# What was there becomes the previous one. One that was not ours is what -Uninstall puts back: upgrades do not take its place.
function Save-Previous($Places) {
    if (-not (Test-There $Places.Old)) { return }
    $is_foreign = Test-Recorded $Places "foreign $($Places.Program)"
    if ($is_foreign -and -not $Places.IsNewlyForeign -and (Test-There $Places.Previous)) {
        Remove-File $Places.Old
        return
    }
    if (-not $is_foreign) { Add-Record $Places "file $($Places.Previous)" }
    Remove-File $Places.Previous
    [IO.File]::Move($Places.Old, $Places.Previous)
}

# As it was before this run: the program, and the files $Before of bytes by path.
function Restore-Before($Places, $Before) {
    Remove-File $Places.New
    if (Test-There $Places.Old) {
        Remove-File $Places.Program
        [IO.File]::Move($Places.Old, $Places.Program)
    } elseif (-not $Before.Program) {
        Remove-File $Places.Program
    }
    $made = @(Get-Records $Places | Where-Object { $Before.Records -notcontains $_ })
    foreach ($path in @($Before.Files.Keys)) {
        if ($null -eq $Before.Files[$path]) { Remove-File $path } else { [IO.File]::WriteAllBytes($path, $Before.Files[$path]) }
    }
    Remove-Dirs $Places $made
}

# Those that were made, where nothing is in them any more, the last first.
function Remove-Dirs($Places, [string[]] $Records) {
    $dirs = @($Records | Where-Object { $_ -like 'dir *' } | ForEach-Object { $_.Substring(4) })
    [array]::Reverse($dirs)
    foreach ($dir in $dirs + @($Places.Own)) {
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

# kache works without them.
function Install-Completions($Places, [string] $From) {
    $to = Get-CompletionPlaces $Places
    foreach ($name in @($to.Keys)) {
        $file = Join-Path $From $name
        if ((Test-There $to[$name]) -and -not (Test-Ours $Places $to[$name])) {
            Write-Host "note: $($to[$name]) is not from this script; it was left alone"
            continue
        }
        if (-not [IO.File]::Exists($file)) { continue }
        try {
            Add-Dir $Places ([IO.Path]::GetDirectoryName($to[$name]))
            $new = "$($to[$name]).new.$PID"
            [IO.File]::Copy($file, $new, $true)
            Add-Record $Places "file $($to[$name])"
            Remove-File $to[$name]
            [IO.File]::Move($new, $to[$name])
        } catch {
            Write-Host "note: there is no $($to[$name]): $($_.Exception.Message)"
        }
    }
}

# The user's Path as it is written, with variables in it left as they are. Answers whether it was changed.
function Edit-Path($Places, [string] $Bin, [bool] $Add) {
    $key = [Microsoft.Win32.Registry]::CurrentUser.CreateSubKey('Environment')
    try {
        $path = [string] $key.GetValue('Path', '', 'DoNotExpandEnvironmentNames')
        $parts = @($path -split ';')
        if ($Add -eq ($parts -contains $Bin)) { return $false }
        if (-not $Add) {
            $path = @($parts | Where-Object { $_ -ne $Bin }) -join ';'
        } elseif ($path) {
            $path = "$Bin;$path"
        } else {
            $path = $Bin
        }
        # One that was there before is the user's, and is not taken away.
        if ($Add) { Add-Record $Places "path $Bin" }
        $key.SetValue('Path', $path, 'ExpandString')
    } finally {
        $key.Close()
    }
    # Setting a variable through .NET tells other programs that the environment changed.
    [Environment]::SetEnvironmentVariable('KACHE_INSTALLER', '1', 'User')
    [Environment]::SetEnvironmentVariable('KACHE_INSTALLER', $null, 'User')
    return $true
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
    $null = Edit-Path $Places $Places.Bin $true
    return $true
}

# Says what was installed how: `kache self-update` only replaces what is written here.
function Write-Receipt($Places, $Release, [string] $Target) {
    $version = Get-Version $Places.Program
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
    $is_known = (Test-Ours $Places $Places.Program) -or (Test-Recorded $Places "foreign $($Places.Program)")
    if ((Test-There $Places.Program) -and -not $is_known -and -not $Force) {
        throw "there is a kache already that this script did not install: $($Places.Program); remove it, or say -Force"
    }
    if ($DryRun) {
        Show-Plan $Places $Release
        return
    }
    $before = @{ Program = Test-There $Places.Program; Files = @{}; Records = @(Get-Records $Places) }
    $programs = @(Get-Programs $Places)
    $moved_from = ''
    if ($programs.Count) { $moved_from = $programs[-1] }
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
        if ($programs.Count) { [IO.File]::WriteAllLines($Places.Manifest, [string[]] @(Get-Records $Places)) }
        # The last of these lines is the program that is in use.
        if ($moved_from -ne $Places.Program) { Add-Line $Places "program $($Places.Program)" }
        Install-Program $Places $made
        Install-Completions $Places $made.Completions
        $version = Write-Receipt $Places $Release $made.Target
        $is_new_on_path = Add-ToPath $Places
        $done = $true
        Save-Previous $Places
    } finally {
        if (-not $done) { Restore-Before $Places $before }
        Remove-Item -Recurse -Force -LiteralPath $stage
    }
    if ($moved_from -and $moved_from -ne $Places.Program -and [IO.File]::Exists($moved_from)) {
        Write-Host "note: $moved_from stays, as something may still call it; -Uninstall removes both"
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
            throw "$Program does not run, and cargo still calls it, so that nothing was removed: remove this line from ${file}, then run this again: $line"
        }
    }
}

# A program that runs and knows what it changed for cargo: one that was installed, or what was there before it if that was
# a kache from here as well.
function Find-Unwiring($Places) {
    $programs = @(Get-Programs $Places)
    [array]::Reverse($programs)
    foreach ($program in $programs) {
        if ([IO.File]::Exists($program) -and (Test-Program $program)) { return $program }
        $previous = Get-Previous $program
        $is_foreign = Test-Recorded $Places "foreign $program"
        if (-not $is_foreign -and [IO.File]::Exists($previous) -and (Test-Program $previous)) { return $previous }
    }
    return ''
}

# Takes back what one line of the manifest says; all but directories, of which one holds the manifest.
function Undo-Record($Places, [string] $Line) {
    $what = @($Line -split ' ', 2)[1]
    if ($Line -like 'path *') {
        if ($DryRun) { Write-Host "would remove from Path: $what" } else { $null = Edit-Path $Places $what $false }
    } elseif ($Line -like 'file *' -and (Test-Link $what)) {
        Write-Host "note: $what is a link that is not from this script; it was left alone"
    } elseif ($Line -like 'file *') {
        if ($DryRun) { Write-Host "would remove: $what" } else { Remove-File $what }
    } elseif ($Line -like 'foreign *' -and (Test-There (Get-Previous $what))) {
        if ($DryRun) {
            Write-Host "would put back: $what"
        } else {
            Remove-File $what
            [IO.File]::Move((Get-Previous $what), $what)
        }
    }
}

function Uninstall-Kache($Places) {
    $records = @(Get-Records $Places)
    if (-not $records.Count) {
        Write-Host 'Nothing to do: this script has not installed kache.'
        return
    }
    $program = @(Get-Programs $Places)[-1]
    $ask = (Test-Interactive) -and -not $DryRun
    if ($ask -and (Read-Host "Remove kache from ${program}? [y/N]") -notlike 'y*') {
        Write-Host 'Nothing was changed.'
        return
    }
    # Cargo first: one that calls a program that is not there builds nothing.
    $unwiring = Find-Unwiring $Places
    $how = @('uninstall', '-y', '--by-installer')
    if ($Purge) { $how += '--purge' }
    if (-not $unwiring) {
        Assert-NotWired $program
        if ($Purge) { Write-Host 'note: the store stays, as no kache runs that could remove it' }
    } elseif ($DryRun) {
        Write-Host "would run: $unwiring $how"
    } elseif ((Invoke-Native $unwiring $how) -ne 0) {
        throw 'cargo may still call kache, so that nothing was removed'
    }
    $backwards = $records.Clone()
    [array]::Reverse($backwards)
    foreach ($line in $backwards) { Undo-Record $Places $line }
    if ($DryRun) {
        Write-Host 'Nothing was changed.'
        return
    }
    # Only now: whoever stops this can have it go on.
    Remove-File $Places.Receipt
    Remove-File $Places.Manifest
    Remove-Dirs $Places $records
    Write-Host 'Done: kache is removed.'
}

function Invoke-Main {
    $ErrorActionPreference = 'Stop'
    if ($Help) {
        Show-Help
        return
    }
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    Assert-Caller
    if ($Check) { Set-Variable -Name DryRun -Value $true -Scope Script }
    if ($Uninstall) { $places = Get-Places '' } else { $places = Get-Places $BinDir }
    if ($Uninstall) { Uninstall-Kache $places } else { Install-Kache $places (Get-Release) }
}

Invoke-Main
