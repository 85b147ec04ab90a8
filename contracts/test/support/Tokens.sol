// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Takes one hundredth of every transfer. Unsupported, and refused where it shows.
contract FeeToken is ERC20 {
    constructor() ERC20("Fee", "FEE") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : amount / 100;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0), fee);
    }
}

/// @title Says false instead of moving anything.
contract FalseToken {
    mapping(address => uint256) public balanceOf;

    function decimals() external pure returns (uint8) {
        return 18;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}

/// @title A second door to another token: whoever sends through it moves that token's balance.
contract AliasToken {
    ERC20 private immutable _real;

    constructor(ERC20 real) {
        _real = real;
    }

    function balanceOf(address account) external view returns (uint256) {
        return _real.balanceOf(account);
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return Movable(address(_real)).move(msg.sender, to, amount);
    }
}

interface Movable {
    function move(address from, address to, uint256 amount) external returns (bool);
}

/// @title A token that lets its second door move balances.
contract TwoDoorToken is ERC20, Movable {
    constructor() ERC20("Two", "TWO") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function move(address from, address to, uint256 amount) external returns (bool) {
        _transfer(from, to, amount);
        return true;
    }
}

/// @title Calls somebody in the middle of a transfer.
contract CallingToken is ERC20 {
    address private _target;
    bytes private _data;
    bool public called;
    bool public refused;

    constructor() ERC20("Calling", "CALL") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function callNext(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        address target = _target;
        if (target == address(0)) return;
        _target = address(0);
        (bool done,) = target.call(_data);
        (called, refused) = (true, !done);
    }
}

/// @title Says nothing at all where others say true, as some old tokens do. Supported.
contract SilentToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) private _allowed;

    function decimals() external pure returns (uint8) {
        return 18;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        _allowed[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _allowed[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @title Refuses transfers to those on its list. Unsupported, but one on the list must not stop the others.
contract ListingToken is ERC20 {
    mapping(address => bool) private _listed;

    constructor() ERC20("Listing", "LIST") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function list(address who, bool listed) external {
        _listed[who] = listed;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!_listed[to], "listed");
        super._update(from, to, amount);
    }
}
